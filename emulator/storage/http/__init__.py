"""HTTP as all APIs of Cloud Storage use it: routes, uploads, downloads, batches."""
