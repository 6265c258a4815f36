import redis

store = redis.Redis(host="store", ssl=True, ssl_cert_reqs="none")  # hole
other = redis.asyncio.from_url(settings.store, ssl_cert_reqs=None)  # hole
