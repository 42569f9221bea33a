"""The event packages that are served, one file each; ``presence.package.find_packages`` finds them."""
