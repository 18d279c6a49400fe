"""The subcommands about speech."""
