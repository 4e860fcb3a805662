package gate

import (
	"bytes"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
)

// TableRequest is a request to DynamoDB that the policies allowed, and how it was answered.
type TableRequest struct {
	Operation string
	Tables    []string // by name, each once
	Index     string   // that is read; "" for a table
	Status    int
	Code      string // of the error; "" if there is none
	Took      time.Duration
}

// observed answers as the handler does, and reports a request to a table to the gate's observer.
func (g *Gate) observed(c call, handler http.Handler) http.Handler {
	if g.options.Tables == nil || len(c.tables) == 0 {
		return handler
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began, answer := time.Now(), &watched{ResponseWriter: w, status: http.StatusOK}
		handler.ServeHTTP(answer, r)
		g.options.Tables(TableRequest{
			Operation: c.operation, Tables: c.tables, Index: c.index, Status: answer.status, Code: answer.code(), Took: time.Since(began),
		})
	})
}

// watched passes an answer on, and remembers its status and the beginning of an error.
type watched struct {
	http.ResponseWriter
	status int
	body   bytes.Buffer
}

// maxErrorBody bounds what is remembered of an error. The code of one comes first.
const maxErrorBody = 16 << 10

func (w *watched) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

func (w *watched) Write(p []byte) (int, error) {
	if w.status >= http.StatusBadRequest && w.body.Len() < maxErrorBody {
		w.body.Write(p)
	}
	return w.ResponseWriter.Write(p)
}

// Unwrap lets http.ResponseController flush.
func (w *watched) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// code returns the name of an error: what follows the last # of its type.
func (w *watched) code() string {
	if w.status < http.StatusBadRequest {
		return ""
	}
	var body struct {
		Type string `json:"__type"`
	}
	_ = json.Unmarshal(w.body.Bytes(), &body) // an error of another form has no code
	return body.Type[strings.LastIndex(body.Type, "#")+1:]
}

// tables returns the names of the tables that a request reads or writes.
func (in dynamoDBInput) tables() []string {
	names := map[string]bool{}
	add := func(table string) {
		if table != "" {
			names[table[strings.LastIndex(table, "/")+1:]] = true // a name, or an ARN that ends with it
		}
	}
	add(in.TableName)
	for table := range in.RequestItems {
		add(table)
	}
	for _, item := range in.TransactItems {
		for _, on := range item.operations() {
			add(on)
		}
	}
	return slices.Sorted(maps.Keys(names))
}
