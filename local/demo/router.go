package demo

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"cellular/internal/model/naming"
	"cellular/internal/runtime/mappingcache"
	"cellular/local"
)

// lookups counts how the router came by the mappings of its requests.
type lookups struct {
	total, cached, reads int
	stale                map[string]int // tenant -> how often its mapping was used past its soft TTL; they are among the cached
	failed               int            // lookups that nothing could answer
}

// routerLookups reads the router's log, which has a line per request.
func (d *demo) routerLookups() (lookups, error) {
	f, err := os.Open(filepath.Join(d.cloud.Dir, "logs", naming.Stack(local.StackName).Router()+".log"))
	if err != nil {
		return lookups{}, err
	}
	defer f.Close()
	return countLookups(f)
}

func countLookups(log io.Reader) (lookups, error) {
	l := lookups{stale: map[string]int{}}
	lines := bufio.NewScanner(log)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var line struct {
			Mapping mappingcache.Outcome `json:"mapping"`
			Tenant  string               `json:"tenant"`
		}
		if json.Unmarshal(lines.Bytes(), &line) != nil || line.Mapping == "" {
			continue // a line of the runtime, or of a request that was refused before the lookup
		}
		l.total++
		switch line.Mapping {
		case mappingcache.Hit, mappingcache.Negative:
			l.cached++
		case mappingcache.Stale, mappingcache.Held:
			l.cached++
			l.stale[line.Tenant]++
		case mappingcache.Unavailable:
			l.failed++
		default:
			l.reads++
		}
	}
	return l, lines.Err()
}

func (l lookups) String() string {
	stale := 0
	for _, n := range l.stale {
		stale += n
	}
	return fmt.Sprintf("Router: %d of %d lookups of a tenant were answered by the mapping cache (%.1f %%), %d of them past the soft TTL for want of the\n"+
		"mapping table, which answered %d; %d got no answer. Each process has a cache of its own.",
		l.cached, l.total, 100*float64(l.cached)/float64(max(l.total, 1)), stale, l.reads, l.failed)
}
