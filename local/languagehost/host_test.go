package languagehost_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/common/constant"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/types/known/emptypb"

	"cellular/local/languagehost"
	"cellular/local/process"
)

// engine is as much of an engine as a host needs: it keeps what it is told.
type engine struct {
	pulumirpc.UnimplementedEngineServer
	server *grpc.Server
	logged []string // read once the call that logs has returned
}

func (e *engine) Log(_ context.Context, req *pulumirpc.LogRequest) (*emptypb.Empty, error) {
	e.logged = append(e.logged, req.GetSeverity().String()+" "+req.GetMessage())
	return &emptypb.Empty{}, nil
}

func listen(t *testing.T) net.Listener {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	return l
}

func startEngine(t *testing.T) (*engine, string) {
	e, l := &engine{server: grpc.NewServer()}, listen(t)
	pulumirpc.RegisterEngineServer(e.server, e)
	go func() { _ = e.server.Serve(l) }() // ends with Stop
	t.Cleanup(e.server.Stop)
	return e, l.Addr().String()
}

// hosted is a host with its engine, and a directory of a program.
type hosted struct {
	t      *testing.T
	engine *engine
	client pulumirpc.LanguageRuntimeClient
	dir    string
	output string // the file that the program writes to
	served chan error
}

func fits(string, map[string]string) error { return nil }

// start serves a host for a program, whose main.go has this body.
func start(t *testing.T, fits func(string, map[string]string) error, body string) *hosted {
	t.Helper()
	h := &hosted{t: t, dir: t.TempDir(), served: make(chan error, 1)}
	h.write("go.mod", "module program\n\ngo 1.26\n\nrequire (\n\texample.com/direct v1.2.3\n\texample.com/further v0.1.0 // indirect\n)\n")
	h.write("main.go", body)
	h.output = filepath.Join(t.TempDir(), "output")
	out, err := os.Create(h.output)
	require.NoError(t, err)
	t.Cleanup(func() { _ = out.Close() })

	var address string
	h.engine, address = startEngine(t)
	host, err := languagehost.New(languagehost.Options{Engine: address, Fits: fits, Stdout: out, Stderr: out})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, host.Close()) })
	listener := listen(t)
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	t.Cleanup(cancel)
	go func() { h.served <- host.Serve(ctx, listener) }()
	conn, err := grpc.NewClient(listener.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	h.client = pulumirpc.NewLanguageRuntimeClient(conn)
	return h
}

func (h *hosted) write(name, text string) {
	require.NoError(h.t, os.WriteFile(filepath.Join(h.dir, name), []byte(text), 0o644))
}

func (h *hosted) run(ctx context.Context) (*pulumirpc.RunResponse, error) {
	return h.client.Run(ctx, &pulumirpc.RunRequest{
		Organization: "organization", Project: "cellular", Stack: "local", Pwd: h.dir,
		Config: map[string]string{"aws:region": "us-east-1"}, ConfigSecretKeys: []string{"aws:profile"},
		DryRun: true, Parallel: 7, MonitorAddress: "127.0.0.1:1", Info: h.info(),
	})
}

func (h *hosted) info() *pulumirpc.ProgramInfo {
	return &pulumirpc.ProgramInfo{RootDirectory: h.dir, ProgramDirectory: h.dir, EntryPoint: "."}
}

func (h *hosted) wrote() string {
	text, err := os.ReadFile(h.output)
	require.NoError(h.t, err)
	return string(text)
}

// printing is a program that prints variables of its environment.
func printing(names ...string) string {
	return fmt.Sprintf("package main\n\nimport (\n\t\"fmt\"\n\t\"os\"\n)\n\nfunc main() {\n\tfor _, name := range %#v {\n\t\tfmt.Println(os.Getenv(name))\n\t}\n}\n", names)
}

func exiting(code int) string {
	return fmt.Sprintf("package main\n\nimport \"os\"\n\nfunc main() { os.Exit(%d) }\n", code)
}

func TestRun_GivesTheProgramWhatTheSDKReads(t *testing.T) {
	h := start(t, fits, printing(pulumi.EnvOrganization, pulumi.EnvProject, pulumi.EnvStack, pulumi.EnvConfig, pulumi.EnvConfigSecretKeys,
		pulumi.EnvDryRun, pulumi.EnvParallel, pulumi.EnvMonitor, pulumi.EnvPulumiRootDirectory, pulumi.EnvEngine))
	resp, err := h.run(t.Context())
	require.NoError(t, err)
	require.False(t, resp.GetBail())
	require.Empty(t, resp.GetError())
	lines := strings.Split(strings.TrimSpace(h.wrote()), "\n")
	require.Equal(t, []string{"organization", "cellular", "local", `{"aws:region":"us-east-1"}`, `["aws:profile"]`, "true", "7", "127.0.0.1:1", h.dir}, lines[:9])
	require.Regexp(t, `^127\.0\.0\.1:\d+$`, lines[9])
	require.Empty(t, h.engine.logged)
}

func TestRun_BuildsTheProgramAsItIsNow(t *testing.T) {
	t.Setenv("FIRST", "before")
	t.Setenv("SECOND", "after")
	h := start(t, fits, printing("FIRST"))
	for _, name := range []string{"FIRST", "SECOND", "SECOND"} {
		h.write("main.go", printing(name))
		_, err := h.run(t.Context())
		require.NoError(t, err)
	}
	require.Equal(t, "before\nafter\nafter\n", h.wrote())
}

func TestRun_AnswersAsTheProgramEnds(t *testing.T) {
	h := start(t, fits, exiting(constant.ExitStatusLoggedError))
	resp, err := h.run(t.Context())
	require.NoError(t, err)
	require.True(t, resp.GetBail(), "the engine knows of the error already")
	require.Empty(t, resp.GetError())

	h.write("main.go", exiting(3))
	resp, err = h.run(t.Context())
	require.NoError(t, err)
	require.False(t, resp.GetBail())
	require.Equal(t, "the program failed: exit status 3", resp.GetError())
}

func TestRun_SaysWhatTheCompilerSays(t *testing.T) {
	h := start(t, fits, "package main\n\nfunc main() { undefined() }\n")
	resp, err := h.run(t.Context())
	require.NoError(t, err)
	require.True(t, resp.GetBail())
	require.Len(t, h.engine.logged, 1)
	require.Contains(t, h.engine.logged[0], "ERROR build the program of "+h.dir)
	require.Contains(t, h.engine.logged[0], "main.go:3:15: undefined: undefined")
}

func TestRun_RefusesAStackThatDoesNotFitBeforeItBuilds(t *testing.T) {
	h := start(t, func(stack string, config map[string]string) error {
		return fmt.Errorf("%s is for %s", stack, config["aws:region"])
	}, "no program")
	resp, err := h.run(t.Context())
	require.NoError(t, err)
	require.True(t, resp.GetBail())
	require.Equal(t, []string{"ERROR local is for us-east-1"}, h.engine.logged)
}

// waiting is a program that has a child and waits for its own end; both hold the output open.
const waiting = `package main

import (
	"fmt"
	"os"
	"os/exec"
)

func main() {
	child := exec.Command("sh", "-c", "echo up; sleep 600")
	child.Stdout = os.Stdout
	fmt.Println(child.Run())
}
`

// up returns when the program and its child run.
func (h *hosted) up() {
	h.t.Helper()
	require.Eventually(h.t, func() bool { return h.wrote() == "up\n" }, time.Minute, 10*time.Millisecond)
}

// holders are the processes other than this one that have the program's output open.
func (h *hosted) holders() []string {
	var found []string
	files, _ := filepath.Glob("/proc/[0-9]*/fd/1")
	for _, f := range files {
		if to, _ := os.Readlink(f); to == h.output {
			found = append(found, f)
		}
	}
	return found
}

func TestProgram_EndsWithItsRun(t *testing.T) {
	for name, end := range map[string]func(*hosted, context.CancelFunc){
		"the engine cancels":           func(h *hosted, _ context.CancelFunc) { _, _ = h.client.Cancel(h.t.Context(), &emptypb.Empty{}) },
		"the engine gives the call up": func(_ *hosted, cancel context.CancelFunc) { cancel() },
		"the engine is gone": func(h *hosted, _ context.CancelFunc) {
			h.engine.server.Stop()
			require.NoError(h.t, <-h.served, "the host ends, too")
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := start(t, fits, waiting)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			ended := make(chan error, 1)
			go func() {
				_, err := h.run(ctx)
				ended <- err
			}()
			h.up()
			require.NotEmpty(t, h.holders(), "the search finds what runs")
			end(h, cancel)
			require.Error(t, <-ended)
			require.Eventually(t, func() bool { return len(h.holders()) == 0 }, time.Minute, 10*time.Millisecond)
		})
	}
}

// A program that runs is the one that was built for it, whatever is built meanwhile.
func TestBuild_LeavesWhatIsOpenAsItIs(t *testing.T) {
	group, err := process.NewGroup()
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, group.Close()) })
	h := start(t, fits, printing("OF THE FIRST"))
	build := func() *os.File {
		f, err := languagehost.Build(t.Context(), group, h.dir, ".", filepath.Join(h.dir, "program"))
		require.NoError(t, err)
		t.Cleanup(func() { _ = f.Close() })
		return f
	}
	first := build()
	h.write("main.go", printing("OF THE SECOND"))
	second := build()
	for f, name := range map[*os.File]string{first: "OF THE FIRST", second: "OF THE SECOND"} {
		binary, err := io.ReadAll(f)
		require.NoError(t, err)
		require.Contains(t, string(binary), name)
	}
}

func TestBuild_MayBeDoneByManyAtATime(t *testing.T) {
	h := start(t, fits, printing("NOTHING"))
	ended := make(chan error)
	const runs = 4
	for range runs {
		go func() {
			_, err := h.run(t.Context())
			ended <- err
		}()
	}
	for range runs {
		require.NoError(t, <-ended)
	}
	require.Equal(t, strings.Repeat("\n", runs), h.wrote())
}

func TestHost_AnswersWhatElseTheCLIAsks(t *testing.T) {
	h := start(t, fits, exiting(0))
	about, err := h.client.About(t.Context(), &pulumirpc.AboutRequest{Info: h.info()})
	require.NoError(t, err)
	require.Contains(t, about.GetVersion(), "go version go1.")

	for transitive, want := range map[bool][]string{false: {"example.com/direct v1.2.3"}, true: {"example.com/direct v1.2.3", "example.com/further v0.1.0"}} {
		found, err := h.client.GetProgramDependencies(t.Context(), &pulumirpc.GetProgramDependenciesRequest{Info: h.info(), TransitiveDependencies: transitive})
		require.NoError(t, err)
		var got []string
		for _, d := range found.GetDependencies() {
			got = append(got, d.GetName()+" "+d.GetVersion())
		}
		require.Equal(t, want, got)
	}

	packages, err := h.client.GetRequiredPackages(t.Context(), &pulumirpc.GetRequiredPackagesRequest{Info: h.info()})
	require.NoError(t, err)
	require.Empty(t, packages.GetPackages(), "the engine would install them")
	_, err = h.client.GetPluginInfo(t.Context(), &emptypb.Empty{})
	require.NoError(t, err)
	_, err = h.client.RuntimeOptionsPrompts(t.Context(), &pulumirpc.RuntimeOptionsRequest{Info: h.info()})
	require.NoError(t, err)
}
