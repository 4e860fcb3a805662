package edge

import (
	"context"
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
	"time"

	"cellular/internal/model/event"
	"cellular/internal/model/ledger"
)

// envelopeRoom is how many bytes a body may have beyond its payload. The fields around a payload take up to 400;
// escapes and white space may take the rest.
const envelopeRoom = 4096

// submit accepts an event: POST /v1/events or /v1/probes.
func (h *Handler) submit(ctx context.Context, x *exchange, req Request) (Response, error) {
	x.correlationID = correlationID(req)
	s, err := h.readSubmission(req)
	if err != nil {
		return Response{}, err
	}
	x.eventID = s.id
	if x.eventID == "" {
		x.eventID = h.config.NewID()
	}
	m, err := h.place(ctx, x, s.tenantID)
	if err != nil {
		return Response{}, err
	}
	e := event.Event{
		TenantID: s.tenantID, ID: x.eventID, Type: s.eventType, Payload: s.payload,
		Epoch: m.Epoch, AcceptedAt: x.start.UTC().Truncate(time.Millisecond),
		CorrelationID: x.correlationID,
	}
	e.ExpiresAt = event.Expiry(e.AcceptedAt, event.KeptFor(e.TenantID, h.config.DataTTL))
	var existing *event.Event
	err = h.inCell(ctx, x, func(ctx context.Context) (err error) {
		existing, err = h.cells.Write(ctx, m.CellID, e)
		return err
	})
	if err != nil {
		return Response{}, cellFailure(err,
			"The cell did not confirm the event. Send it again with the same id: it is accepted once, however often it arrives.")
	}
	if existing != nil {
		if !event.SameContent(existing.Type, existing.Payload, e.Type, e.Payload) {
			return Response{}, conflict.problem("The tenant already has an event with this id and another type or payload.")
		}
		// What a retry finds may be what the call before it wrote, whose answer was lost.
		x.correlationID = existing.CorrelationID
		x.replayed = x.attempts == 1 || !existing.AcceptedAt.Equal(e.AcceptedAt)
	}
	return x.accepted()
}

// readSubmission reads the event out of a request.
func (h *Handler) readSubmission(req Request) (submission, error) {
	if mediaType := req.Headers.ContentType; !isJSONType(mediaType) {
		return submission{}, unsupportedMedia.problem("The body's type is %q, want application/json.", shorten(mediaType))
	}
	body := []byte(req.Body)
	if req.IsBase64Encoded {
		var err error
		if body, err = base64.StdEncoding.DecodeString(req.Body); err != nil {
			return submission{}, malformed.problem("The body is marked as base64 and is not: %s.", err)
		}
	}
	if len(body) > h.config.MaxPayloadBytes+envelopeRoom {
		return submission{}, tooLarge.problem("The body has %d bytes, at most %d are allowed.", len(body), h.config.MaxPayloadBytes+envelopeRoom)
	}
	s, p := decodeSubmission(body)
	if p != nil {
		return submission{}, p
	}
	if len(s.payload) > h.config.MaxPayloadBytes {
		return submission{}, tooLarge.problem("The payload has %d bytes, at most %d are allowed.", len(s.payload), h.config.MaxPayloadBytes)
	}
	if err := s.takeKey(req.Headers.IdempotencyKey); err != nil {
		return submission{}, err
	}
	return s, nil
}

// isJSONType reports whether a content type is JSON's. A client that gives none is taken to mean JSON. Parameters do not
// matter: the body must be UTF-8, whatever they say.
func isJSONType(contentType string) bool {
	mediaType, _, _ := strings.Cut(contentType, ";")
	mediaType = strings.ToLower(strings.TrimSpace(mediaType))
	return mediaType == "" || mediaType == "application/json" ||
		strings.HasPrefix(mediaType, "application/") && strings.HasSuffix(mediaType, "+json")
}

// takeKey uses the Idempotency-Key header as the event's id. The header may stand in quotes, as its draft standard has
// it; a body that has an id too must have the same one.
func (s *submission) takeKey(header string) error {
	if header == "" {
		return nil
	}
	key := header
	if len(key) >= 2 && key[0] == '"' && key[len(key)-1] == '"' {
		key = key[1 : len(key)-1]
	}
	if !event.ValidID(key) {
		return malformedFields("A header is wrong:", mismatch("Idempotency-Key", event.IDPattern))
	}
	if s.id != "" && s.id != key {
		return malformedFields("Header and body disagree:", FieldError{"Idempotency-Key", "is not the body's id"})
	}
	s.id = key
	return nil
}

// accepted is the 202.
func (x *exchange) accepted() (Response, error) {
	response, err := x.reply(http.StatusAccepted, struct {
		ID     string        `json:"id"`
		Cell   string        `json:"cell"`
		Status ledger.Status `json:"status"`
	}{x.eventID, x.cellID, ledger.Accepted})
	if err != nil {
		return Response{}, err
	}
	response.Headers["Location"] = x.path() + "/" + url.PathEscape(x.eventID) + "?tenant_id=" + url.QueryEscape(x.tenantID)
	if x.replayed {
		response.Headers["Idempotent-Replayed"] = "true"
	}
	return response, nil
}
