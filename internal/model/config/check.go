package config

import (
	"errors"

	"cellular/internal/model/naming"
)

// CheckCell returns everything that is wrong with a cell and with what the configuration says of it: Deployment, Protect,
// Functions, Pipeline, Probe, and of Alarms the cell's. It finds what Parse finds.
func (c Config) CheckCell(cell Cell) error {
	p := &problems{}
	checkDeployment(c.Deployment, p)
	o := checked("", p)
	if cell.ID == "" {
		p.add("id", "", "is not set, want the cell's id")
	}
	cellFields(o, &cell)
	o.object("functions", func(o *object) { functionFields(o, &c.Functions) })
	o.object("pipeline", func(o *object) { pipelineFields(o, &c.Pipeline) })
	o.object("probe", func(o *object) { probeFields(o, &c.Probe) })
	o.object("alarms", func(o *object) {
		alarmPeriodField(o, &c.Alarms)
		o.object("cell", func(o *object) { cellAlarmFields(o, &c.Alarms.Cell) })
	})
	if !p.bad["id"] {
		checkCellNames(c.Deployment, cell.ID, "id", p)
	}
	r := rules{problems: p}
	checkFaults(c, r)
	checkPipeline(c, r)
	checkProbe(c, r)
	checkAlarmPeriod(c, r)
	checkCellAlarms(c, r)
	return errors.Join(p.list...)
}

// CheckRouter returns everything that is wrong with what the configuration says of the router: Deployment, Protect, Router,
// of Functions what all functions share, the DataTTL of Pipeline, and of Alarms the router's. It finds what Parse finds.
func (c Config) CheckRouter() error {
	p := &problems{}
	checkDeployment(c.Deployment, p)
	o := checked("", p)
	o.object("router", func(o *object) { routerFields(o, &c.Router) })
	o.object("functions", func(o *object) { sharedFields(o, &c.Functions) })
	o.object("pipeline", func(o *object) { dataTTLField(o, &c.Pipeline) })
	o.object("alarms", func(o *object) {
		alarmPeriodField(o, &c.Alarms)
		o.object("router", func(o *object) { routerAlarmFields(o, &c.Alarms.Router) })
	})
	checkGlobalNames(c.Deployment, "deployment", p)
	r := rules{problems: p}
	checkAuth(c, r)
	checkRouter(c, r)
	checkAlarmPeriod(c, r)
	return errors.Join(p.list...)
}

// CheckControlPlane returns everything that is wrong with what the configuration says of the control plane: Deployment,
// Protect, and of Alarms the topic and the control plane's. It finds what Parse finds.
func (c Config) CheckControlPlane() error {
	p := &problems{}
	checkDeployment(c.Deployment, p)
	checked("", p).object("alarms", func(o *object) {
		topicField(o, &c.Alarms)
		alarmPeriodField(o, &c.Alarms)
		o.object("controlPlane", func(o *object) { controlPlaneAlarmFields(o, &c.Alarms.ControlPlane) })
	})
	checkGlobalNames(c.Deployment, "deployment", p)
	r := rules{problems: p}
	checkAlarmPeriod(c, r)
	checkTopic(c, r)
	return errors.Join(p.list...)
}

// CheckProbe returns everything that is wrong with what the configuration says of the probe: Deployment, Protect, Probe, of
// Functions what all functions share, of Alarms the period and the probe's, and of Router and Pipeline what the probe has to wait for. It finds
// what Parse finds.
func (c Config) CheckProbe() error {
	p := &problems{}
	checkDeployment(c.Deployment, p)
	o := checked("", p)
	o.object("probe", func(o *object) { probeFields(o, &c.Probe) })
	o.object("router", func(o *object) { routerFields(o, &c.Router) })
	o.object("functions", func(o *object) { sharedFields(o, &c.Functions) })
	o.object("pipeline", func(o *object) { pipelineFields(o, &c.Pipeline) })
	o.object("alarms", func(o *object) {
		alarmPeriodField(o, &c.Alarms)
		o.object("probe", func(o *object) { probeAlarmFields(o, &c.Alarms.Probe) })
	})
	checkGlobalNames(c.Deployment, "deployment", p)
	r := rules{problems: p}
	checkProbe(c, r)
	checkProbePatience(c, r)
	checkAlarmPeriod(c, r)
	return errors.Join(p.list...)
}

// CheckDashboards returns everything that is wrong with what the configuration says of what the dashboards draw: Deployment, Probe,
// and of Alarms all but the topic. It finds what Parse finds.
func (c Config) CheckDashboards() error {
	p := &problems{}
	checkDeployment(c.Deployment, p)
	o := checked("", p)
	o.object("probe", func(o *object) { probeFields(o, &c.Probe) })
	o.object("alarms", func(o *object) {
		alarmPeriodField(o, &c.Alarms)
		o.object("cell", func(o *object) { cellAlarmFields(o, &c.Alarms.Cell) })
		o.object("router", func(o *object) { routerAlarmFields(o, &c.Alarms.Router) })
		o.object("controlPlane", func(o *object) { controlPlaneAlarmFields(o, &c.Alarms.ControlPlane) })
	})
	checkGlobalNames(c.Deployment, "deployment", p)
	return errors.Join(p.list...)
}

const wantDeployment = "letters, digits, - and _, of which the first is a letter or a digit"

func checkDeployment(d naming.Stack, p *problems) {
	if !deploymentName.MatchString(string(d)) {
		p.add("deployment", "", "is %s, want %s", show(string(d)), wantDeployment)
	}
}

// checkGlobalNames reports the global names that AWS would refuse as too long.
func checkGlobalNames(d naming.Stack, path string, p *problems) {
	if err := d.CheckGlobal(); err != nil {
		p.add(path, "", "%w", err)
	}
}

// checkCellNames reports the names of a cell that AWS would refuse as too long.
func checkCellNames(d naming.Stack, id, path string, p *problems) {
	if err := d.Cell(id).Check(); err != nil {
		p.add(path, "", "%w", err)
	}
}
