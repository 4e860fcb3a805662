// Package config is the configuration of a deployment: its types, its defaults, the range of each value and the rules
// between values. Parse reads the configuration of a stack; CheckCell and CheckRouter hold what a Go program passes to the
// components to the same ranges and rules.
//
// The package imports no Pulumi, so that the functions and cellctl may read it too.
package config

import "cellular/internal/model/naming"

// Config is the configuration of a stack. Parse makes a complete and consistent one.
type Config struct {
	// Deployment is what physical names start with: the stack's name, or cellular:deployment where one deployment is
	// split into several stacks.
	Deployment naming.Stack
	Region     string
	Profile    string // of the AWS credentials; "" takes what the environment gives
	Plane      Plane
	Protect    bool // deletion protection, PITR and Pulumi's protect on whatever holds state

	Cells     []Cell // sorted by id
	Drop      []Drop // what the stack may lose with this deployment
	Router    Router
	Functions Functions // of a cell; the router's take what they share, and Router.Memory and Router.Timeout
	Pipeline  Pipeline
	Probe     Probe
	Alarms    Alarms
}

// Plane says which part of the deployment the stack holds.
type Plane string

// A deployment is one stack of PlaneAll, or one of PlaneGlobal and any number of PlaneCells that share no cell.
const (
	PlaneAll    Plane = "all"
	PlaneGlobal Plane = "global" // the control plane and the router
	PlaneCells  Plane = "cells"  // the cells that the stack lists
)

// HasGlobal reports whether the stack holds the control plane and the router.
func (p Plane) HasGlobal() bool { return p != PlaneCells }

// HasCells reports whether the stack holds cells.
func (p Plane) HasCells() bool { return p != PlaneGlobal }
