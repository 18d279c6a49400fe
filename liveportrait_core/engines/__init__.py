"""Engines that animate a portrait: their common port, the choice of one, and two of them."""
