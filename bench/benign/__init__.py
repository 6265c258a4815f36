"""A day of traffic that does no harm, and a site to replay it against: what detection must stay silent about."""
