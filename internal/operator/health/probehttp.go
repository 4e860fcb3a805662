package health

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"cellular/internal/model/ledger"
)

// maxAnswer bounds how much of an answer is read. The router's answers to a probe have some hundred bytes.
const maxAnswer = 64 << 10

// outcome is what the router tells of an event.
type outcome struct {
	Cell   string        `json:"cell"`
	Status ledger.Status `json:"status"`
	Reason string        `json:"reason"`
}

// from is an error unless a cell has the event.
func (o outcome) from(cellID string) error {
	if o.Cell != cellID {
		return fmt.Errorf("%w: the router answers that cell %q has it", ErrElsewhere, o.Cell)
	}
	return nil
}

// refusal is an answer of the router that is no success.
type refusal struct {
	status int
	detail string
}

func (r refusal) Error() string {
	return fmt.Sprintf("the router answers %d %s: %s", r.status, http.StatusText(r.status), r.detail)
}

// passing reports whether the next look may well get an answer: the router, or the way to it, is busy or broken for now.
func passing(err error) bool {
	var r refusal
	if errors.As(err, &r) {
		return r.status == http.StatusTooManyRequests || r.status >= 500
	}
	var net *url.Error
	return errors.As(err, &net)
}

func (p Prober) post(ctx context.Context, tenantID, eventID string) (outcome, error) {
	body, err := json.Marshal(map[string]any{
		"tenant_id": tenantID, "id": eventID, "type": ProbeType, "payload": map[string]bool{"probe": true},
	})
	if err != nil {
		return outcome{}, err
	}
	o, err := p.call(ctx, http.MethodPost, "/v1/events", body, http.StatusAccepted)
	if err != nil {
		return outcome{}, fmt.Errorf("send event %s: %w", eventID, err)
	}
	return o, nil
}

func (p Prober) get(ctx context.Context, tenantID, eventID string) (outcome, error) {
	o, err := p.call(ctx, http.MethodGet, "/v1/events/"+eventID+"?tenant_id="+url.QueryEscape(tenantID), nil, http.StatusOK)
	if err != nil {
		return outcome{}, fmt.Errorf("read event %s: %w", eventID, err)
	}
	return o, nil
}

func (p Prober) call(ctx context.Context, method, path string, body []byte, want int) (outcome, error) {
	r, err := http.NewRequestWithContext(ctx, method, strings.TrimSuffix(p.Router.URL, "/")+path, bytes.NewReader(body))
	if err != nil {
		return outcome{}, err
	}
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	if err := p.Authorize(ctx, r, body); err != nil {
		return outcome{}, fmt.Errorf("authorize the request: %w", err)
	}
	answer, err := p.HTTP.Do(r)
	if err != nil {
		return outcome{}, err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer))
	if err != nil {
		return outcome{}, &url.Error{Op: "read", URL: r.URL.String(), Err: err}
	}
	if answer.StatusCode != want {
		return outcome{}, refusal{answer.StatusCode, detail(text)}
	}
	var o outcome
	if err := json.Unmarshal(text, &o); err != nil {
		return outcome{}, fmt.Errorf("read the router's answer: %w", err)
	}
	return o, nil
}

// detail is what a problem document says, or the text itself, shortened.
func detail(text []byte) string {
	var problem struct{ Title, Detail string }
	if json.Unmarshal(text, &problem) == nil && problem.Detail != "" {
		return problem.Detail
	}
	const enough = 200
	if len(text) > enough {
		text = append(text[:enough:enough], "..."...)
	}
	return string(text)
}
