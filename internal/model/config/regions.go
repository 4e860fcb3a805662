package config

import (
	"regexp"
	"slices"
)

// regions are the Regions that the AWS SDK knows in the version that the module requires, in all partitions. A test
// compares the list with the SDK's, so that a new Region arrives with an upgrade of the SDK. The AWS provider keeps such a
// list too, and refuses a Region that is not in it, but only once the deployment has begun.
var regions = []string{
	"af-south-1",
	"ap-east-1", "ap-east-2", "ap-northeast-1", "ap-northeast-2", "ap-northeast-3", "ap-south-1", "ap-south-2",
	"ap-southeast-1", "ap-southeast-2", "ap-southeast-3", "ap-southeast-4", "ap-southeast-5", "ap-southeast-6", "ap-southeast-7",
	"ca-central-1", "ca-west-1",
	"cn-north-1", "cn-northwest-1",
	"eu-central-1", "eu-central-2", "eu-isoe-west-1", "eu-north-1", "eu-south-1", "eu-south-2", "eu-west-1", "eu-west-2", "eu-west-3",
	"eusc-de-east-1",
	"il-central-1",
	"me-central-1", "me-south-1", "me-west-1",
	"mx-central-1",
	"sa-east-1", "sa-west-1",
	"us-east-1", "us-east-2", "us-gov-east-1", "us-gov-west-1", "us-iso-east-1", "us-iso-west-1", "us-isob-east-1", "us-isob-west-1",
	"us-isof-east-1", "us-isof-south-1", "us-west-1", "us-west-2",
}

// Regions returns the Regions that a stack can be deployed to, sorted.
func Regions() []string { return slices.Clone(regions) }

var regionShape = regexp.MustCompile(`\A[a-z]{2,}(-[a-z]+)+-[0-9]+\z`)

// wantRegion returns what is wanted in place of a name that is no Region.
func wantRegion(name string) string {
	if !regionShape.MatchString(name) {
		return "an AWS region such as eu-west-1"
	}
	near := slices.DeleteFunc(slices.Clone(regions), func(r string) bool { return r[:2] != name[:2] })
	if len(near) == 0 {
		near = regions
	}
	return "a region that exists: " + list(near)
}
