"""The fixture domain that machinery is tested on: a day of a lending library. Not a word of it is the shop's."""
