"""The cloud's maker of `web.jobs.ports`: documents, a bucket, and the queue of the function.

The API's processes use `maker`; the function's renderer, which carries no web framework, uses
`rendering`.
"""
