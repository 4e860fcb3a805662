package alarmtest_test

import (
	"bytes"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"

	"cellular/local/awsapi"
)

// trouble is what AWS's services do that have a bad day: behind the gate, so that CloudWatch sees it as they do.
type trouble struct {
	mu    sync.Mutex
	rules []*rule
}

// rule is for requests to an operation that have some words in their bodies.
type rule struct {
	operations []string
	words      []string
	answer     func(http.ResponseWriter, *http.Request)
}

// cause has requests to one of the operations, all of whose words are in their bodies, answered like that, until the function
// that it returns is called.
func (b *trouble) cause(operations, words []string, answer func(http.ResponseWriter, *http.Request)) (end func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	r := &rule{operations, words, answer}
	b.rules = append(b.rules, r)
	return func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.rules = slices.DeleteFunc(b.rules, func(other *rule) bool { return other == r })
	}
}

func (b *trouble) find(operation, body string) *rule {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, r := range b.rules {
		if slices.Contains(r.operations, operation) && !slices.ContainsFunc(r.words, func(word string) bool { return !strings.Contains(body, word) }) {
			return r
		}
	}
	return nil
}

func (b *trouble) gate(emulator http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			awsapi.Refuse(w, r, http.StatusBadRequest, "IncompleteBody", err.Error())
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		_, operation, isJSON := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
		text := string(body)
		if !isJSON {
			form, _ := url.ParseQuery(text)
			operation, text = form.Get("Action"), form.Encode()
		}
		if rule := b.find(operation, text); rule != nil {
			rule.answer(w, r)
			return
		}
		emulator.ServeHTTP(w, r)
	})
}

func fail(w http.ResponseWriter, r *http.Request) {
	awsapi.Refuse(w, r, http.StatusInternalServerError, "InternalServerError", "it is a bad day")
}

func throttle(w http.ResponseWriter, r *http.Request) {
	awsapi.Refuse(w, r, http.StatusBadRequest, "ThrottlingException", "it is a bad day")
}
