// Package local is a cloud on this machine, for those who have no AWS account at hand: the real program, the real Pulumi
// engine and the real function binaries, with AWS replaced by an emulator, a gate in front of it that enforces the deployed
// IAM policies, and three rooms (packages emulator, gate, lambda, gateway and provider). Everything listens on 127.0.0.1 and is gone when the cloud is closed or its process ends.
package local

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"cellular/functions"
	"cellular/local/awsapi"
	cloudwatchapi "cellular/local/cloudwatch/api"
	"cellular/local/emulator"
	"cellular/local/gate"
	"cellular/local/gateway"
	"cellular/local/lambda"
	"cellular/local/lambda/api"
	"cellular/local/loopback"
	"cellular/local/process"
	"cellular/local/provider"
	"cellular/local/scheduler"
)

// StackName is the stack that runs on the local cloud, configured by Pulumi.local.yaml.
const StackName = "local"

// closeTimeout bounds how long Close waits for functions and pollers to end. They are killed first.
const closeTimeout = 10 * time.Second

// Options of Start.
type Options struct {
	// Dir is the cloud's directory: virtual environment, state, logs. Empty: .local in the project's root.
	Dir string
	// Tools is where the emulator's virtual environment is, which all clouds share. Empty: .local in the project's root.
	Tools string
	// Config is laid over Pulumi.local.yaml: full keys such as "cellular:cells". Objects are merged.
	Config map[string]any
	// Port of the router's HTTP API; 0: any free one.
	Port int
	// Logs receives a copy of the functions' logs, of the access log, and of what alarms do: "PART | LINE", one in each Write, where
	// PART is "cell ID FUNCTION", "router", "probe" or "cloudwatch". Package console makes it readable. Nil: only files under Dir/logs.
	Logs io.Writer
	// Progress receives a line on what takes long. Nil: nobody.
	Progress func(string)
	// Schedules has the schedules run, a minute of theirs in 10 s. Without it they are kept only, and the stack has no probe unless
	// Config says that it has: an alarm of a probe that nobody runs would fire.
	Schedules bool
	// Gate is put between requests that the policies allow and the emulator; see emulator.Options. Nil: nothing is.
	Gate func(next http.Handler) http.Handler
}

// Cloud is a running local cloud.
type Cloud struct {
	// AWS reaches the emulator with the credentials of an administrator, who may do everything. They are good for the Lambda
	// API and for routes that ask for a signature, too. Operator has the rights of cellctl only.
	AWS aws.Config
	// Lambda and Gateway are the rooms, for those who want to disturb them.
	Lambda  *lambda.Service
	Gateway *gateway.Gateway
	// Dir is the cloud's directory.
	Dir string

	options   Options
	root      string
	lock      *lock
	logs      *logs
	group     *process.Group
	emulator  *emulator.Emulator
	gate      *gate.Gate
	watch     *watch
	schedules *scheduler.Service
	provider  *provider.Server
	engine    Engine
	settings  settings
	packages  packages

	operators operators
	denials   io.Writer // the gate's log

	lambdaAPI  *api.Server
	dashboards *loopback.Server // nil until they are served
}

// Setup installs what Start would install: the engine and the emulator. Nothing is left running.
func Setup(ctx context.Context, o Options) error {
	c, err := Start(ctx, o)
	if err != nil {
		return err
	}
	return c.Close()
}

// Start starts the rooms and finds the engine. If it fails, nothing is left running. One cloud at a time runs in a
// directory; its state from an earlier run is removed, because what the state told of was gone with that run.
func Start(ctx context.Context, o Options) (*Cloud, error) {
	root, err := functions.ModuleRoot()
	if err != nil {
		return nil, err
	}
	if o.Tools == "" {
		o.Tools = filepath.Join(root, ".local")
	}
	if o.Dir == "" {
		o.Dir = o.Tools
	}
	if o.Progress == nil {
		o.Progress = func(string) {}
	}
	if o.Dir, err = filepath.Abs(o.Dir); err != nil {
		return nil, err
	}
	c := &Cloud{Dir: o.Dir, options: o, root: root}
	if err := c.start(ctx); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

func (c *Cloud) start(ctx context.Context) error {
	var err error
	if !c.options.Schedules {
		c.options.Config = merge(map[string]any{"cellular:probe": map[string]any{"enabled": false}}, c.options.Config)
	}
	if c.settings, err = readSettings(c.root, c.options.Config); err != nil {
		return fmt.Errorf("read the stack's settings: %w", err)
	}
	region, _ := c.settings["aws:region"].(string)
	if region == "" {
		return fmt.Errorf("aws:region is not set in Pulumi.%s.yaml", StackName)
	}
	if err := os.MkdirAll(c.Dir, 0o755); err != nil {
		return err
	}
	if c.lock, err = acquire(c.Dir); err != nil {
		return err
	}
	if err := errors.Join(pointedElsewhere(), c.removeEnv()); err != nil {
		return err
	}
	for _, old := range []string{c.path("state"), c.path("project")} {
		if err := os.RemoveAll(old); err != nil {
			return fmt.Errorf("remove the state of an earlier run: %w", err)
		}
	}
	if c.logs, err = newLogs(c.path("logs"), c.options.Logs); err != nil {
		return fmt.Errorf("create the logs' directory: %w", err)
	}
	if c.group, err = process.NewGroup(); err != nil {
		return err
	}
	if c.engine, err = FindEngine(ctx, c.root, c.group, c.options.Progress); err != nil {
		return err
	}
	return c.startRooms(ctx, region)
}

func (c *Cloud) startRooms(ctx context.Context, region string) error {
	log, err := c.logs.open("emulator")
	if err != nil {
		return err
	}
	if c.denials, err = c.logs.open("gate"); err != nil {
		return err
	}
	if _, err := c.logs.open(alarmLog); err != nil { // it is there, also where no alarm changes
		return err
	}
	c.watch = newWatch(region, c.logs.function(alarmLog), c.notify)
	c.gate = gate.New(gate.Options{
		Region: region, Admin: emulator.AccessKey, Log: c.denials, Services: map[string]http.Handler{"monitoring": c.watch.Handler()},
		Tables: c.watch.vitals.Table,
	})
	c.emulator, err = emulator.Start(ctx, emulator.Options{
		Dir: c.options.Tools, Group: c.group, Log: log, Progress: c.options.Progress, Keys: c.gate.Key,
		Gate: func(next http.Handler) http.Handler {
			if c.options.Gate != nil {
				next = c.options.Gate(next)
			}
			next = (&cloudwatchapi.SavedQueries{}).Wrap(next)
			return c.keepGranted(c.gate.Wrap(next))
		},
	})
	if err != nil {
		return err
	}
	c.AWS = c.emulator.AWS(region)
	admin, err := c.AWS.Credentials.Retrieve(ctx)
	if err != nil {
		return err
	}
	keys := func(id string) (awsapi.Key, bool) {
		if id == admin.AccessKeyID {
			return awsapi.Key{Secret: admin.SecretAccessKey}, true
		}
		return c.gate.Key(id)
	}
	c.Lambda, err = lambda.New(lambda.Options{
		AWS: c.AWS, Group: c.group, Dir: c.path("lambda"), Roles: functionRoles{c.gate}, Observer: c.watch.vitals,
		Logs: func(function string) io.Writer { return c.watch.metricsOf(function, c.logs.function(function)) },
		Env:  map[string]string{"AWS_ENDPOINT_URL": c.emulator.Endpoint()},
	})
	if err != nil {
		return err
	}
	if c.lambdaAPI, err = api.Serve(c.Lambda, keys, c.gate.AuthorizeKey); err != nil {
		return err
	}
	c.Gateway = gateway.New(invoker{c.Lambda, c.gate}, gateway.Options{
		Region: region, Port: c.options.Port, Keys: keys, Principal: c.gate.PrincipalOf, Authorize: c.gate.AuthorizeKey,
		AccessLogs: func(string) io.Writer { return c.logs.function("access") }, Answered: c.watch.vitals.Answered,
	})
	c.schedules, err = c.newScheduler(region)
	if err != nil {
		return err
	}
	c.watch.start(c.queues())
	c.provider, err = provider.Serve(context.WithoutCancel(ctx), provider.Rooms{
		AWS: c.AWS, Lambda: c.Lambda, Gateway: c.Gateway, Permissions: provider.NewPermissions(c.gate.SetFunctionPolicy), Scheduler: c.schedules,
	})
	return err
}

func (c *Cloud) path(name string) string { return filepath.Join(c.Dir, name) }

// Engine is the Pulumi CLI that the cloud uses.
func (c *Cloud) Engine() Engine { return c.engine }

// Close ends everything that Start started, and waits for its end within a bound. It may be called more than once.
func (c *Cloud) Close() error {
	ctx, cancel := context.WithTimeoutCause(context.Background(), closeTimeout, fmt.Errorf("not within %s", closeTimeout))
	defer cancel()
	var errs []error
	if c.dashboards != nil {
		errs = append(errs, c.dashboards.Close())
	}
	if c.provider != nil {
		c.provider.Close()
	}
	if c.schedules != nil {
		c.schedules.Close()
	}
	if c.Gateway != nil {
		c.Gateway.Close()
	}
	if c.lambdaAPI != nil {
		errs = append(errs, c.lambdaAPI.Close())
	}
	if c.Lambda != nil {
		errs = append(errs, c.Lambda.Close(ctx))
	}
	if c.watch != nil {
		c.watch.close()
	}
	if c.emulator != nil {
		c.emulator.Stop()
	}
	if c.group != nil {
		errs = append(errs, c.group.Close())
	}
	if c.logs != nil {
		c.logs.close()
	}
	if c.lock != nil {
		errs = append(errs, c.removeEnv(), c.lock.release())
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("close the local cloud: %w", err)
	}
	return nil
}
