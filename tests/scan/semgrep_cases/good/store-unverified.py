import redis

store = redis.Redis(host="store", ssl=True, ssl_cert_reqs="required", ssl_ca_certs="/etc/ssl/store.pem")
other = redis.asyncio.from_url(settings.store)
