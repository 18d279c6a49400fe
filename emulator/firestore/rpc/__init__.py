"""Firestore's RPC methods: request message in, response messages out, without any transport."""
