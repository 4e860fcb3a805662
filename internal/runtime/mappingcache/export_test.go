package mappingcache

// Len returns how many mapped and how many unknown tenants the cache holds.
func (c *Cache) Len() (known, unknown int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.known.Len(), c.unknown.Len()
}
