"""What the installed gcloud says of the commands, without an account."""
