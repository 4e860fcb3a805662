package probe

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"cellular/internal/model/ledger"
)

// maxAnswer bounds how much of an answer is read. The router's answers to a probe have some hundred bytes.
const maxAnswer = 64 << 10

// outcome is what the router says of an event.
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

func (p Prober) post(ctx context.Context, tenantID, eventID string) (outcome, error) {
	body, err := json.Marshal(map[string]any{
		"tenant_id": tenantID, "id": eventID, "type": Type, "payload": map[string]bool{"probe": true},
	})
	if err != nil {
		return outcome{}, err
	}
	o, err := p.call(ctx, http.MethodPost, Path, body, http.StatusAccepted)
	if err != nil {
		return outcome{}, fmt.Errorf("send event %s: %w", eventID, err)
	}
	return o, nil
}

func (p Prober) get(ctx context.Context, tenantID, eventID string) (outcome, error) {
	o, err := p.call(ctx, http.MethodGet, statusPath+eventID+"?"+tenantKey+"="+url.QueryEscape(tenantID), nil, http.StatusOK)
	if err != nil {
		return outcome{}, fmt.Errorf("read event %s: %w", eventID, err)
	}
	return o, nil
}

func (p Prober) call(ctx context.Context, method, path string, body []byte, want int) (outcome, error) {
	r, err := http.NewRequestWithContext(ctx, method, strings.TrimSuffix(p.URL, "/")+path, bytes.NewReader(body))
	if err != nil {
		return outcome{}, err
	}
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	if err := p.Sign(ctx, r, body); err != nil {
		return outcome{}, fmt.Errorf("sign the request: %w", err)
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
		return outcome{}, refused(answer, text)
	}
	var o outcome
	if err := json.Unmarshal(text, &o); err != nil {
		return outcome{}, fmt.Errorf("read the router's answer: %w", err)
	}
	return o, nil
}

// refused reads an answer that is no success: a problem of the router's, API Gateway's {"message": ...}, or any text, of which
// the start is enough.
func refused(answer *http.Response, text []byte) refusal {
	r := refusal{status: answer.StatusCode, cell: answer.Header.Get(cellHeader)}
	var said struct{ Type, Detail, Message string }
	if json.Unmarshal(text, &said) == nil {
		if kind, ok := strings.CutPrefix(said.Type, problems); ok {
			r.problem = kind
		}
		if r.detail = said.Detail; r.detail == "" {
			r.detail = said.Message
		}
	}
	if r.detail == "" {
		const enough = 200
		if len(text) > enough {
			text = append(text[:enough:enough], "..."...)
		}
		r.detail = string(text)
	}
	return r
}
