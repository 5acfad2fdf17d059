"""The endpoint beside a bare route and beside other servers, and what its parts cost."""
