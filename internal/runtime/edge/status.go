package edge

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"

	"cellular/internal/model/event"
	"cellular/internal/model/ledger"
)

// status tells what became of an event: GET /v1/events/{id}?tenant_id=TENANT, or /v1/probes/{id}. A caller that may speak for one tenant
// alone need not name it.
func (h *Handler) status(ctx context.Context, x *exchange, req Request, escapedID string) (Response, error) {
	id, err := url.PathUnescape(escapedID)
	if err != nil || !event.ValidID(id) {
		return Response{}, malformedFields("The path is wrong:", mismatch("id", event.IDPattern))
	}
	tenantID := req.QueryStringParameters["tenant_id"]
	if tenantID == "" {
		tenantID = x.caller.tenantID
	}
	if tenantID == "" {
		return Response{}, malformedFields("The query is wrong:", FieldError{"tenant_id", "is missing"})
	}
	if !event.ValidTenantID(tenantID) {
		return Response{}, malformedFields("The query is wrong:", mismatch("tenant_id", event.TenantIDPattern))
	}
	x.eventID = id
	if _, err := h.place(ctx, x, tenantID); err != nil {
		return Response{}, err
	}
	record, err := h.find(ctx, x)
	if err != nil {
		return Response{}, cellFailure(err, "The cell did not answer.")
	}
	if record.Status == "" {
		return Response{}, unknownEvent.problem("The tenant has no event %q.", id)
	}
	return x.reply(http.StatusOK, struct {
		ID         string          `json:"id"`
		TenantID   string          `json:"tenant_id"`
		Cell       string          `json:"cell"`
		Type       string          `json:"type,omitempty"`
		Status     ledger.Status   `json:"status"`
		AcceptedAt string          `json:"accepted_at,omitempty"`
		AppliedAt  string          `json:"applied_at,omitempty"`
		Result     json.RawMessage `json:"result,omitempty"`
		Reason     string          `json:"reason,omitempty"`
	}{id, tenantID, x.cellID, record.Type, record.Status, record.AcceptedAt, record.AppliedAt, record.Result, record.Reason})
}
