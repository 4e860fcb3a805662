package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"cellular/cmd/internal/cli"
	"cellular/internal/model/probe"
	"cellular/internal/operator/health"
	"cellular/internal/operator/terminal"
)

func findings() doctorView {
	return doctorView{Findings: []health.Finding{
		{Check: "credentials", Subject: "eu-west-1", Level: health.OK, Text: "an operator"},
		{Check: "queue", Subject: "q", Level: health.Fail, Text: "it has no RedrivePolicy", Fix: "deploy"},
		{Check: "table", Subject: "t", Level: health.Skip, Text: "not offered"},
	}}
}

func rendered(t *testing.T, output string, v view) string {
	t.Helper()
	var out bytes.Buffer
	a := &app{stdout: terminal.NewWriter(&out), terminal: func(any) bool { return false }, options: options{output: output}}
	require.NoError(t, a.print(v))
	return out.String()
}

func TestDoctorPrintsWhatIsNotAsItShouldBe(t *testing.T) {
	require.Equal(t, `LEVEL  CHECK  SUBJECT  FINDING
fail   queue  q        it has no RedrivePolicy
                       -> deploy
skip   table  t        not offered

1 ok, 0 warn, 1 fail, 1 skip
`, rendered(t, outputTable, findings()))
	v := findings()
	v.all = true
	require.Contains(t, rendered(t, outputTable, v), "ok     credentials  eu-west-1  an operator\n")
	require.Equal(t, "\n1 ok, 0 warn, 0 fail, 0 skip\n", rendered(t, outputTable, doctorView{Findings: findings().Findings[:1]}))

	var document struct{ Findings []health.Finding }
	require.NoError(t, json.Unmarshal([]byte(rendered(t, outputJSON, findings())), &document))
	require.Equal(t, findings().Findings, document.Findings)
}

// A deployment that cannot be read at all is doctor's to report, as every command line that finds a fail ends with 1.
func TestDoctorFailsWithTheDeployment(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadRequest) }))
	defer server.Close()
	said := pointedTo(t, server.URL, "doctor")
	require.Contains(t, said, "stack dev is not as it should be")
	out, _, _ := run(t, "doctor")
	require.Contains(t, out, "fail   credentials")
	require.Contains(t, out, "/cellular/dev/control-plane")
}

// What was not read when the operator ended it is no finding.
func TestDoctor_PrintsNoFindingsWhenItIsInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	c, err := dialAWS(ctx, options{region: "eu-west-1"})
	require.NoError(t, err)
	var out, errs bytes.Buffer
	a := &app{stdout: terminal.NewWriter(&out), stderr: terminal.NewWriter(&errs), terminal: func(any) bool { return false }, options: options{output: outputTable}}
	err = a.diagnose(ctx, a.examiner(c, stack, false), false)
	require.Equal(t, cli.ExitInterrupted, exitCode(err, true, &errs))
	require.Equal(t, "cellctl: interrupted\n", errs.String())
	require.Empty(t, out.String())
}

func TestProgressOfParts_TellsOfEachPartInTheSameLine(t *testing.T) {
	var errs bytes.Buffer
	a := &app{stderr: terminal.NewWriter(&errs), terminal: func(any) bool { return true }}
	at, end := a.progressOfParts()
	end()
	require.Empty(t, errs.String(), "nothing is told of what has no parts")
	at("manifests", 10, 0)
	at("cells", 6, 6)
	end()
	require.Equal(t, clearLine+"manifests 10"+clearLine+"cells [########################] 6 of 6"+clearLine, errs.String())
}

func TestProbesArePrinted(t *testing.T) {
	v := viewOfProbes([]probe.Result{
		{Cell: "c01", Event: "e1", Accepted: 5 * time.Millisecond, Processed: 70 * time.Millisecond, Verdict: probe.Healthy},
		{Cell: "c02", Event: "e2", Accepted: 6 * time.Millisecond, Verdict: probe.Faulty, Err: errors.New("not processed in time")},
		{Cell: "c03", Verdict: probe.Unsent, Err: errors.New("throttled")},
	})
	require.Equal(t, `CELL  PROBE   ACCEPTED  PROCESSED  EVENT
c01   ok      5 ms      70 ms      e1
c02   failed  6 ms      -          e2
c03   unsent  -         -          -
`, rendered(t, outputTable, v))
	require.JSONEq(t, `{"cells":[
		{"cell":"c01","event":"e1","ok":true,"outcome":"ok","accepted_after":"5ms","processed_after":"70ms"},
		{"cell":"c02","event":"e2","ok":false,"outcome":"failed","accepted_after":"6ms","processed_after":null,"error":"not processed in time"},
		{"cell":"c03","event":"","ok":false,"outcome":"unsent","accepted_after":null,"processed_after":null,"error":"throttled"}]}`, rendered(t, outputJSON, v))
}

func TestProbeRefusesWhatItCannotDo(t *testing.T) {
	w := newWorld(t)
	w.refuses(cli.ExitUsage, "cellctl: --patience is 0s, want more than 0s\n", "probe", "--patience", "0s")
	_, stderr, code := w.run("probe", "c01", "c09")
	require.Equal(t, exitRefused, code)
	require.Contains(t, stderr, `unknown cell "c09"`)
}

// api is what answers at the router's address.
type api func(*http.Request) (status int, body string)

func (a api) Do(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	status, body := a(r)
	w.WriteHeader(status)
	_, err := w.WriteString(body)
	return w.Result(), err
}

func TestProbe_SaysWhatToDoWhereTheAPITakesNone(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.http = api(func(r *http.Request) (int, string) {
			require.Equal(t, "/v1/probes", r.URL.Path)
			require.Contains(t, r.Header.Get("Authorization"), "AWS4-HMAC-SHA256 ", "whatever the router asks of tenants")
			return http.StatusNotFound, `{"message":"Not Found"}`
		})
		w.refuses(exitRefused, "cellctl: stack "+string(stack)+" was deployed by a version whose router has no route for probes: "+
			"deploy this cellctl's version, or use that version's cellctl\n", "probe")

		w.http = api(func(*http.Request) (int, string) { return http.StatusForbidden, `{"message":"Forbidden"}` })
		stdout, stderr, code := w.run("probe", "c01")
		require.Equal(t, cli.ExitFailure, code)
		require.Contains(t, stdout, "unsent")
		require.Contains(t, stderr, "'cellctl iam-policy operate' prints the policy that does")
		require.Contains(t, stderr, "403 Forbidden: Forbidden")
	})
}
