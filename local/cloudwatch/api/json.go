package api

import (
	"bytes"
	"encoding/json"
	"reflect"
	"time"

	"github.com/fxamacker/cbor/v2"
)

// jsonType is the content type of the AWS JSON protocol, in which times are plain numbers of seconds since 1970.
const jsonType = "application/x-amz-json-1.0"

// timeFields are the fields of inputs that are times.
var timeFields = map[string]bool{"StartTime": true, "EndTime": true, "Timestamp": true, "StartDate": true, "EndDate": true}

// fromJSON turns a body of the JSON protocol into one in CBOR.
func fromJSON(body []byte) ([]byte, error) {
	var fields any
	if len(bytes.TrimSpace(body)) == 0 {
		return nil, nil
	}
	if err := json.Unmarshal(body, &fields); err != nil {
		return nil, err
	}
	return encoding.Marshal(withTimes(fields))
}

func withTimes(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for name, field := range v {
			if seconds, ok := field.(float64); ok && timeFields[name] {
				v[name] = time.UnixMilli(int64(seconds * 1000)).UTC()
			} else {
				v[name] = withTimes(field)
			}
		}
	case []any:
		for i := range v {
			v[i] = withTimes(v[i])
		}
	case float64: // JSON has one kind of number; a field of whole ones takes no other
		if whole := int64(v); float64(whole) == v {
			return whole
		}
	}
	return v
}

// decoding has times as such, and maps with text for keys, as JSON has them.
var decoding = func() cbor.DecMode {
	mode, err := cbor.DecOptions{DefaultMapType: reflect.TypeFor[map[string]any](), TimeTagToAny: cbor.TimeTagToTime}.DecMode()
	if err != nil {
		panic(err) // the options are constants
	}
	return mode
}()

// toJSON turns an answer in CBOR into one of the JSON protocol.
func toJSON(answer []byte) ([]byte, error) {
	var fields any
	if err := decoding.Unmarshal(answer, &fields); err != nil {
		return nil, err
	}
	return json.Marshal(withNumbers(fields))
}

func withNumbers(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for name, field := range v {
			if field == nil {
				delete(v, name)
				continue
			}
			v[name] = withNumbers(field)
		}
	case []any:
		for i := range v {
			v[i] = withNumbers(v[i])
		}
	case time.Time:
		return float64(v.UnixMilli()) / 1000
	}
	return v
}
