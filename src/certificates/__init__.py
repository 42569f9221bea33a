"""Certificates for TLS, WSS and HTTPS: a local authority's or the owner's own."""
