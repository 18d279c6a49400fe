"""The transports of Firestore's RPC methods: gRPC, REST and the web channel, on one port."""
