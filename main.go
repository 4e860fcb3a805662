// The Pulumi program of Cellular. See package stack.
package main

import (
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"cellular/stack"
)

func main() {
	pulumi.Run(stack.Deploy)
}
