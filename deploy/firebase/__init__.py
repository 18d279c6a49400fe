"""The gate as Firebase functions: a folder for `firebase deploy`."""
