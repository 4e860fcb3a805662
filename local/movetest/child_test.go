package movetest_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/stretchr/testify/require"

	"cellular/internal/operator/fleet"
	"cellular/internal/operator/move"
)

// childTask is the variable that makes a copy of the test's process a mover: a task as JSON.
const childTask = "MOVETEST_TASK"

// task is what a mover's process does. It says on its standard output, a line each, which phase it has come to, and waits
// for an answer before it goes on; or that it has come to where it is to be killed, and goes on no more.
type task struct {
	Endpoint, Region string
	Credentials      aws.Credentials
	Tenant           string
	BackOut          bool
	Until            move.Phase

	DieIn    move.Phase // "" for nowhere
	DieAfter int        // so many of the phase's requests to AWS have been answered, the last one without the mover knowing
}

// What a mover's process says besides its phases.
const (
	sayDying = "dying"
	sayEnded = "ended"
)

// beMover is the mover's process.
func beMover(text string) (exit int) {
	var k task
	err := json.Unmarshal([]byte(text), &k)
	if err == nil {
		err = k.run(context.Background())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	fmt.Println(sayEnded)
	return 0
}

func (k task) run(ctx context.Context) error {
	death := &death{task: k}
	config := aws.Config{
		Region: k.Region, BaseEndpoint: &k.Endpoint, HTTPClient: death,
		Credentials: credentials.StaticCredentialsProvider{Value: k.Credentials},
	}
	f, err := fleet.Load(ctx, ssm.NewFromConfig(config), stack)
	if err != nil {
		return err
	}
	answers := bufio.NewScanner(os.Stdin)
	observe := func(m move.Move) {
		if death.enter(m.Phase) {
			fmt.Println(m.Phase)
			if !answers.Scan() { // the test has ended
				os.Exit(1)
			}
		}
	}
	mover := move.New(moverOptions(f, dynamodb.NewFromConfig(config), sqs.NewFromConfig(config), observe))
	if k.BackOut {
		_, err = mover.BackOut(ctx, k.Tenant, k.Until)
	} else {
		_, err = mover.Run(ctx, k.Tenant, k.Until)
	}
	return err
}

// death is an HTTP client that counts the requests of a phase, and returns from the last one no more.
type death struct {
	task task

	mu       sync.Mutex
	phase    move.Phase
	requests int
}

// enter reports whether the phase is a new one.
func (d *death) enter(p move.Phase) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.phase == p {
		return false
	}
	d.phase, d.requests = p, 0
	return true
}

// Do implements aws.HTTPClient.
func (d *death) Do(r *http.Request) (*http.Response, error) {
	resp, err := http.DefaultClient.Do(r)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.requests++
	if d.phase == d.task.DieIn && d.requests == d.task.DieAfter {
		fmt.Println(sayDying)
		select {}
	}
	return resp, err
}

// runMover has another process carry a tenant's move on. If the task says where it is to die, that is awaited and the
// process killed. reached is called, if it is not nil, with each phase before the mover begins it.
func (w *world) runMover(t *testing.T, k task, reached func(move.Phase)) {
	t.Helper()
	k.Endpoint, k.Region = aws.ToString(w.cloud.AWS.BaseEndpoint), w.cloud.AWS.Region
	var err error
	k.Credentials, err = w.cloud.Operator().Credentials.Retrieve(t.Context())
	require.NoError(t, err)
	text, err := json.Marshal(k)
	require.NoError(t, err)
	child := exec.CommandContext(t.Context(), os.Args[0])
	child.Env = append(os.Environ(), childTask+"="+string(text))
	var complaints strings.Builder
	child.Stderr = &complaints
	in, err := child.StdinPipe()
	require.NoError(t, err)
	out, err := child.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, child.Start())

	said := ""
	for lines := bufio.NewScanner(out); said != sayDying && lines.Scan(); {
		said = lines.Text()
		if said == sayDying || said == sayEnded {
			continue
		}
		if reached != nil {
			reached(move.Phase(said))
		}
		_, err := fmt.Fprintln(in)
		require.NoError(t, err)
	}
	if k.DieIn == "" {
		require.NoError(t, child.Wait(), "a mover of tenant %s: %s", k.Tenant, complaints.String())
		return
	}
	require.NoError(t, child.Process.Kill())
	_ = child.Wait() // that it was killed
	require.Equal(t, sayDying, said, "a mover of tenant %s that was to die in phase %s: %s", k.Tenant, k.DieIn, complaints.String())
}
