package languagehost

import (
	"encoding/json"
	"fmt"

	"cellular/internal/model/config"
)

// Here is what a cloud has to offer: its one Region, and the architecture of its functions, by Lambda's name.
type Here struct{ Region, Architecture string }

// Fits returns an error for a stack whose configuration asks for another Region or architecture than there is. What else may be
// wrong with it, the program says.
func (h Here) Fits(stack string, settings map[string]string) error {
	want := Here{Region: settings["aws:region"], Architecture: config.Default().Functions.Architecture}
	var f struct{ Architecture *string }
	if err := json.Unmarshal([]byte(settings["cellular:functions"]), &f); err == nil && f.Architecture != nil {
		want.Architecture = *f.Architecture
	}
	if want.Region == "" {
		want.Region = h.Region
	}
	if want == h {
		return nil
	}
	return fmt.Errorf("stack %s is for %s on %s, and the local cloud has %s on %s: set aws:region and the architecture of cellular:functions in Pulumi.%s.yaml",
		stack, want.Region, want.Architecture, h.Region, h.Architecture, stack)
}
