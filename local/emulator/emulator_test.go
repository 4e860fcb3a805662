package emulator_test

import (
	"bytes"
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/stretchr/testify/require"

	"cellular/local/emulator"
	"cellular/local/process"
)

// machine is what a test lets the emulator find: programs on PATH, and the project's directory.
type machine struct {
	t        *testing.T
	bin, dir string
	endpoint string // of an HTTP server that is there instead of moto's
	socket   string // of the same server
	log      syncBuffer
	progress []string
	group    *process.Group
}

func newMachine(t *testing.T) *machine {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) }))
	t.Cleanup(server.Close)
	m := &machine{t: t, bin: t.TempDir(), dir: t.TempDir(), endpoint: server.URL}
	m.socket = filepath.Join(m.dir, "fake")
	socket, err := net.Listen("unix", m.socket)
	require.NoError(t, err)
	go http.Serve(socket, server.Config.Handler) // its error is always that it was closed
	t.Cleanup(func() { require.NoError(t, socket.Close()) })
	m.group, err = process.NewGroup()
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, m.group.Close()) })

	t.Setenv("PATH", m.bin)
	t.Setenv(emulator.EndpointVariable, "")
	t.Setenv(emulator.ModeVariable, "")
	return m
}

// program puts a shell script on PATH.
func (m *machine) program(name, script string) {
	path := filepath.Join(m.bin, name)
	require.NoError(m.t, os.WriteFile(path, []byte("#!/bin/sh\n"+script), 0o755))
}

// runs is the script of a server that works. Its last argument is where to listen.
func (m *machine) runs(name string) string { return m.runsVersion(name, "5.2.5") }

func (m *machine) runsVersion(name, version string) string {
	return `echo "moto ` + version + `, mended for the local cloud"; for at in "$@"; do :; done; /bin/ln -s ` + m.socket + ` "${at#unix://}" || exit 1
echo ` + name + `; echo " * Running on $at"; exec /bin/sleep 600`
}

// python puts a python3 of that version on PATH that can make virtual environments; pip is what its pip does.
func (m *machine) python(version, pip string) {
	m.program("python3", `
case "$*" in
"-c "*) echo `+version+` ;;
"-m venv "*) /bin/mkdir -p "$3/bin" && /bin/cp "$0" "$3/bin/python" && echo venv >>`+m.dir+`/built ;;
"-m pip "*) `+pip+` ;;
"-m moto.server -H unix://"*) `+m.runs("moto of the venv")+` ;;
*) echo "unexpected: $*" >&2; exit 1 ;;
esac
`)
}

// built counts the virtual environments that the machine's python3 made.
func (m *machine) built() int {
	made, err := os.ReadFile(filepath.Join(m.dir, "built"))
	if !os.IsNotExist(err) {
		require.NoError(m.t, err)
	}
	return strings.Count(string(made), "\n")
}

func (m *machine) start(ctx context.Context) (*emulator.Emulator, error) {
	e, err := emulator.Start(ctx, emulator.Options{
		Dir: m.dir, Group: m.group, Log: &m.log,
		Progress: func(line string) { m.progress = append(m.progress, line) },
	})
	if err == nil {
		m.t.Cleanup(e.Stop)
	}
	return e, err
}

func (m *machine) mustStart() *emulator.Emulator {
	e, err := m.start(m.t.Context())
	require.NoError(m.t, err)
	return e
}

// requireReached checks that what is signed with the emulator's key gets to the server behind it.
func requireReached(t *testing.T, e *emulator.Emulator) {
	t.Helper()
	_, err := dynamodb.NewFromConfig(e.AWS("us-east-1"), func(o *dynamodb.Options) { o.RetryMaxAttempts = 1 }).
		ListTables(t.Context(), &dynamodb.ListTablesInput{})
	var answer interface{ HTTPStatusCode() int }
	require.ErrorAs(t, err, &answer)
	require.Equal(t, http.StatusTeapot, answer.HTTPStatusCode())
}

type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

func TestAnEndpointInTheEnvironmentIsUsedAndLeftAlone(t *testing.T) {
	m := newMachine(t) // nothing can be started here
	t.Setenv(emulator.EndpointVariable, m.endpoint)
	e := m.mustStart()
	requireReached(t, e)
	e.Stop()
	resp, err := http.Get(m.endpoint)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
}

func TestAnEndpointInTheEnvironmentMustAnswer(t *testing.T) {
	m := newMachine(t)
	unused, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, unused.Close())
	for endpoint, want := range map[string]string{
		"http://" + unused.Addr().String(): "AWS_ENDPOINT_URL is http://" + unused.Addr().String() + ", but nothing answers there",
		"127.0.0.1:5000":                   `AWS_ENDPOINT_URL is "127.0.0.1:5000", want a URL such as http://127.0.0.1:5000`,
		"ftp://127.0.0.1:5000":             "want a URL such as",
	} {
		t.Setenv(emulator.EndpointVariable, endpoint)
		_, err := m.start(t.Context())
		require.ErrorContains(t, err, want)
	}
}

func TestTheServerOnPathIsUsed(t *testing.T) {
	m := newMachine(t)
	m.program("moto_server", `[ "$1" = "-H" ] || exit 1; `+m.runs("moto on PATH"))
	requireReached(t, m.mustStart())
	require.Contains(t, m.log.String(), "moto on PATH")
}

func TestWithoutAWorkingServerOnPathTheVenvIsBuiltOnce(t *testing.T) {
	for name, server := range map[string]string{
		"no server":                "",
		"a server that fails":      "echo 'command not found in this Python' >&2; exit 127",
		"a server that ends early": "exit 0",
		"a server of another time": "VERSION 5.0.0",
		"a server not mended":      "VERSION",
	} {
		t.Run(name, func(t *testing.T) {
			m := newMachine(t)
			if server != "" {
				if version, ok := strings.CutPrefix(server, "VERSION"); ok {
					server = m.runsVersion("moto on PATH", strings.TrimSpace(version))
				}
				m.program("moto_server", server)
			}
			m.python("3 12", "")
			for range 2 {
				e := m.mustStart()
				requireReached(t, e)
				e.Stop()
			}
			require.Equal(t, 1, m.built())
			require.Contains(t, m.log.String(), "moto of the venv")
			require.Contains(t, strings.Join(m.progress, "\n"), "installing the AWS emulator in "+filepath.Join(m.dir, "venv"))
			if name == "a server that fails" {
				require.Contains(t, m.progress[0], "command not found in this Python")
			}
			if name == "a server of another time" {
				require.Contains(t, m.progress[0], "it is moto 5.0.0, which was not tested with the local cloud; these were: 5.2.1, 5.2.5")
			}
		})
	}
}

func TestTheVenvIsPreferredToPath(t *testing.T) {
	m := newMachine(t)
	m.python("3 12", "")
	m.mustStart().Stop()
	m.program("moto_server", "exit 1")
	m.mustStart()
	require.Len(t, m.progress, 1, "only the installation is told")
}

func TestTheModeVenvIgnoresPathAndEndpoint(t *testing.T) {
	m := newMachine(t)
	m.program("moto_server", m.runs("moto on PATH"))
	m.python("3 12", "")
	t.Setenv(emulator.EndpointVariable, "http://127.0.0.1:1")
	t.Setenv(emulator.ModeVariable, "venv")
	m.mustStart()
	require.Contains(t, m.log.String(), "moto of the venv")

	t.Setenv(emulator.ModeVariable, "docker")
	_, err := m.start(t.Context())
	require.ErrorContains(t, err, `CELLULAR_EMULATOR is "docker", want venv or nothing`)
}

func TestAnIncompleteVenvIsRebuilt(t *testing.T) {
	m := newMachine(t)
	m.python("3 12", "kill -9 $$") // as if the machine had gone down
	_, err := m.start(t.Context())
	require.ErrorContains(t, err, "killed")

	m.python("3 12", "")
	m.mustStart().Stop()
	require.Equal(t, 2, m.built(), "the interrupted one and a new one")

	require.NoError(t, os.WriteFile(filepath.Join(m.dir, "venv", "installed.txt"), []byte("moto==1.0.0\n"), 0o644))
	m.mustStart().Stop()
	require.Equal(t, 3, m.built(), "another version is installed again")

	require.NoError(t, os.Remove(filepath.Join(m.dir, "venv", "bin", "python")))
	m.mustStart()
	require.Equal(t, 4, m.built(), "the Python that it was made with is gone")
}

func TestConcurrentStartsBuildOneVenv(t *testing.T) {
	m := newMachine(t)
	m.python("3 12", "")
	errs := make(chan error)
	for range 3 {
		go func() {
			_, err := emulator.Start(t.Context(), emulator.Options{Dir: m.dir, Group: m.group})
			errs <- err
		}()
	}
	for range 3 {
		require.NoError(t, <-errs)
	}
	require.Equal(t, 1, m.built())
}

func TestInstallationErrorsSayWhatToDo(t *testing.T) {
	const remedy = "Python 3.10 or later with venv is needed (on Debian and Ubuntu: apt install python3-venv); " +
		"or put moto_server on PATH, or set AWS_ENDPOINT_URL"
	for name, tc := range map[string]struct {
		python3 func(*machine)
		want    []string
	}{
		"no Python":   {func(*machine) {}, []string{`"python3": executable file not found in $PATH`, remedy}},
		"old Python":  {func(m *machine) { m.python("3 9", "") }, []string{"python3 is Python 3.9", remedy}},
		"next Python": {func(m *machine) { m.python("4 0", "") }, []string{"python3 is Python 4.0", remedy}},
		"broken Python": {
			func(m *machine) { m.program("python3", "echo no such interpreter >&2; exit 127") },
			[]string{"exit status 127", "no such interpreter", remedy},
		},
		"no venv": {
			func(m *machine) {
				m.program("python3", `case $1 in -c) echo 3 12 ;; *) echo "ensurepip is not available"; exit 1 ;; esac`)
			},
			[]string{"create a virtual environment", "ensurepip is not available", remedy},
		},
		"pip fails": {
			func(m *machine) { m.python("3 12", "echo 'no matching distribution' >&2; exit 1") },
			[]string{"install moto", "pip install", "no matching distribution"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMachine(t)
			tc.python3(m)
			_, err := m.start(t.Context())
			require.ErrorContains(t, err, "start the AWS emulator: ")
			for _, want := range tc.want {
				require.ErrorContains(t, err, want)
			}
		})
	}
}

func TestAServerThatFailsShowsItsLastLines(t *testing.T) {
	m := newMachine(t)
	m.python("3 12", "")
	m.mustStart().Stop()
	python := filepath.Join(m.dir, "venv", "bin", "python")
	script := "#!/bin/sh\ni=0; while [ $i -lt 50 ]; do i=$((i+1)); echo line $i; done; printf '\\033[31mImportError\\033[0m' >&2; exit 1\n"
	require.NoError(t, os.WriteFile(python, []byte(script), 0o755))
	_, err := m.start(t.Context())
	require.ErrorContains(t, err, python+": exit status 1")
	require.ErrorContains(t, err, "\n    line 50\n    ImportError")
	require.NotContains(t, err.Error(), "line 20\n")
}

func TestStartStopsWithItsContext(t *testing.T) {
	m := newMachine(t)
	ctx, cancel := context.WithCancel(t.Context())
	m.program("moto_server", "echo up >"+m.dir+"/up; exec /bin/sleep 600")
	errs := make(chan error)
	go func() { _, err := m.start(ctx); errs <- err }()
	require.Eventually(t, func() bool { _, err := os.Stat(filepath.Join(m.dir, "up")); return err == nil }, deadline, tick)
	cancel()
	require.ErrorIs(t, <-errs, context.Canceled)
}
