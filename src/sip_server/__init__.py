"""SIP above the core: the pjsua2 endpoint's lifecycle and session descriptions."""
