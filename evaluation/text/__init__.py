"""What can be measured of a text: one file a family of metrics, each a value for every answer."""
