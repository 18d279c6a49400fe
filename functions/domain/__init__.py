"""What is asked for, decided and shown. Pure: no clock, no network, no file."""
