"""What a household installs: the package, its services, the add-on."""
