-- What is unknown, and the tabs.
return {unknown(), redis.call('HGETALL', KEYS[3])}
