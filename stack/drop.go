package stack

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"cellular/internal/model/config"
	"cellular/internal/model/mapping"
	"cellular/internal/operator/placement"
)

// keeps reports whether the configuration deploys the part where it is.
func keeps(c Config, p part) bool {
	if p.Deployment != c.Deployment || p.Region != c.Region {
		return false
	}
	if p.Cell == "" {
		return c.Plane.HasGlobal()
	}
	return c.Plane.HasCells() && lists(c, p.Cell)
}

func lists(c Config, cell string) bool {
	return slices.ContainsFunc(c.Cells, func(listed Cell) bool { return listed.ID == cell })
}

// dropped returns the parts that an update with the configuration would delete.
func dropped(c Config, deployed []part) []part {
	return slices.DeleteFunc(slices.Clone(deployed), func(p part) bool { return keeps(c, p) })
}

// refusal collects what an update would take away and nobody has agreed to.
type refusal struct {
	config  Config
	control mapping.Getter // the tables of the control plane

	losses []string // what would be lost, a line each
	drop   []string // the lines of cellular:drop that agree to it
	errs   []error
}

// checkDropped returns an error that names every part that is dropped although it is in use and no entry of cellular:drop
// agrees to it, and the ways on. A cell that is retired and has no tenant is not in use. Where an entry names the cell,
// its tenants are compared with those that are there.
func checkDropped(ctx context.Context, c Config, control mapping.Getter, parts []part) error {
	r := &refusal{config: c, control: control}
	for _, p := range parts {
		if p.Cell == "" {
			r.controlPlane(p)
		} else if err := r.cell(ctx, p); err != nil {
			return fmt.Errorf("see whether cell %s, which the configuration drops, is in use: %w", p.Cell, err)
		}
	}
	return r.err(parts)
}

// checkRegion refuses parts in another Region. The provider of the stack cannot read what they hold, nor is there a way
// to bring them along.
func checkRegion(c Config, parts []part) error {
	for _, p := range parts {
		if p.Region != c.Region {
			return fmt.Errorf("aws:region is %s, and the stack has deployed %s in %s: everything would be deleted there and made again, empty, in %[1]s.\n"+
				"Set aws:region to %[3]s again. Deploy another stack to be in %[1]s; 'pulumi destroy' deletes this one as a whole", c.Region, p, p.Region)
		}
	}
	return nil
}

// checkUnused refuses an entry of cellular:drop for a part that stays: it was left from a time before, or names what
// nobody wanted to lose.
func checkUnused(c Config, parts []part) error {
	var errs []error
	for _, d := range c.Drop {
		matches := func(p part) bool {
			return p.Cell == d.Cell && (d.Cell != "" || p.Deployment == d.ControlPlane)
		}
		if slices.ContainsFunc(parts, matches) {
			continue
		}
		switch {
		case d.Cell != "" && c.Plane.HasCells() && lists(c, d.Cell):
			errs = append(errs, fmt.Errorf("cellular:drop names cell %s, which cellular:cells lists: remove one of the two", d.Cell))
		case d.ControlPlane == c.Deployment && c.Plane.HasGlobal():
			errs = append(errs, fmt.Errorf("cellular:drop names the control plane of %s, which cellular:plane: %s keeps: remove the entry", d.ControlPlane, c.Plane))
		}
	}
	return errors.Join(errs...)
}

func (r *refusal) controlPlane(p part) {
	if slices.ContainsFunc(r.config.Drop, func(d config.Drop) bool { return d.ControlPlane == p.Deployment }) {
		return
	}
	r.losses = append(r.losses, fmt.Sprintf("%s: %s. The mapping of every tenant, the states of the cells, all moves and the router would be deleted", p, r.reason(p)))
	r.drop = append(r.drop, "- controlPlane: "+string(p.Deployment))
}

func (r *refusal) cell(ctx context.Context, p part) error {
	state, err := placement.ReadState(ctx, r.control, p.Deployment.CellTable(), p.Cell)
	var gone *types.ResourceNotFoundException
	counted := true
	if errors.As(err, &gone) {
		state, counted, err = placement.CellState{}, false, nil
	}
	if err != nil {
		return err
	}
	if entry := slices.IndexFunc(r.config.Drop, func(d config.Drop) bool { return d.Cell == p.Cell }); entry >= 0 {
		return r.compare(ctx, p, state, counted, r.config.Drop[entry].Tenants)
	}
	if state.Status == placement.Retired && state.Tenants == 0 {
		return nil
	}
	use := fmt.Sprintf("%s, %s", state.Status, tenants(state.Tenants))
	if !counted {
		use = fmt.Sprintf("status and tenants unknown, as there is no table %s here", p.Deployment.CellTable())
	}
	r.losses = append(r.losses, fmt.Sprintf("%s (%s): %s. Its tables, queues and functions would be deleted, with all events, outcomes and dead letters in them", p, use, r.reason(p)))
	list := "[]"
	if state.Tenants > 0 {
		list = "[...] # all " + fmt.Sprint(state.Tenants) + ", see: cellctl tenants list --cell " + p.Cell
	}
	r.drop = append(r.drop, "- cell: "+p.Cell, "  tenants: "+list)
	return nil
}

// compare holds the tenants that an entry of cellular:drop names against those of the cell. All that are named are there,
// and there are no more: the two are the same.
func (r *refusal) compare(ctx context.Context, p part, state placement.CellState, counted bool, named []string) error {
	mappings := mapping.NewStore(r.control, p.Deployment.MappingTable())
	for _, tenant := range named {
		m, err := mappings.Get(ctx, tenant)
		var gone *types.ResourceNotFoundException
		switch {
		case errors.Is(err, mapping.ErrUnknownTenant), errors.As(err, &gone):
			r.errs = append(r.errs, fmt.Errorf("cellular:drop names tenant %s of cell %s, which is mapped to no cell", tenant, p.Cell))
		case err != nil:
			return err
		case m.CellID != p.Cell && m.MovingTo != p.Cell:
			r.errs = append(r.errs, fmt.Errorf("cellular:drop names tenant %s of cell %s, which is in cell %s", tenant, p.Cell, m.CellID))
		}
	}
	if counted && len(named) != state.Tenants {
		r.errs = append(r.errs, fmt.Errorf("cellular:drop names %s of cell %s, which is %s and has %s: name all of them (cellctl tenants list --cell %[2]s); a place that a move reserves counts too, until the move ends",
			tenants(len(named)), p.Cell, state.Status, tenants(state.Tenants)))
	}
	return nil
}

// reason says which key of the configuration drops the part.
func (r *refusal) reason(p part) string {
	c := r.config
	switch {
	case p.Deployment != c.Deployment:
		return fmt.Sprintf("it was deployed as %q, and the deployment's name is %q now", p.Deployment, c.Deployment)
	case p.Cell == "" || !c.Plane.HasCells():
		return fmt.Sprintf("cellular:plane is %s now", c.Plane)
	default:
		return "cellular:cells does not list it any more"
	}
}

func (r *refusal) err(parts []part) error {
	errs := r.errs
	if len(r.losses) > 0 {
		errs = append(errs, errors.New(r.text(parts)))
	}
	return errors.Join(errs...)
}

// text names the losses and the ways on.
func (r *refusal) text(parts []part) string {
	var b strings.Builder
	b.WriteString("it takes away what the stack has deployed:\n")
	for _, loss := range r.losses {
		fmt.Fprintf(&b, "  - %s.\n", loss)
	}
	b.WriteString("Nothing has been changed. To keep it, put the configuration back")
	if renamed := slices.IndexFunc(parts, func(p part) bool { return p.Deployment != r.config.Deployment }); renamed >= 0 {
		fmt.Fprintf(&b, " (pulumi config set cellular:deployment %s; a deployment cannot be renamed in place)", parts[renamed].Deployment)
	}
	b.WriteString(".\n")
	if slices.ContainsFunc(parts, func(p part) bool { return p.Cell != "" }) {
		b.WriteString("To remove a cell and keep its tenants: cellctl cells drain CELL --evacuate, then cellctl cells retire CELL, then update again.\n")
	}
	b.WriteString("To delete the whole stack: pulumi destroy.\nTo lose it all the same, say so in the stack's configuration for this one update:\n\n  cellular:drop:\n")
	for _, line := range r.drop {
		b.WriteString("    " + line + "\n")
	}
	return strings.TrimSuffix(b.String(), "\n")
}

func tenants(n int) string {
	if n == 1 {
		return "1 tenant"
	}
	return fmt.Sprintf("%d tenants", n)
}
