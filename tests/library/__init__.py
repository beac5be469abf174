"""The fixture domain that machinery is tested on: a day of a lending library. The settings' domain has other words."""
