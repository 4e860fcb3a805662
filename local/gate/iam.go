package gate

import (
	"strings"

	"cellular/local/gate/policy"
)

// readIAM knows every operation that is let through: one that it does not know could give a right.
func readIAM(c *call) error {
	name, path := c.form.Get("RoleName"), c.form.Get("Path")
	if path == "" {
		path = "/"
	}
	created := "arn:" + partition + ":iam::" + Account + ":role" + path + name
	switch c.operation {
	case "GetRolePolicy", "ListRolePolicies", "GetRole", "ListAttachedRolePolicies", "ListRoleTags":
		c.requests = c.one("iam:"+c.operation, created)
	case "GetAccountSummary", "ListRoles":
		c.requests = c.one("iam:"+c.operation, "*")
	case "ListInstanceProfilesForRole", "UpdateRole", "TagRole", "UntagRole":
	case "CreateRole", "UpdateAssumeRolePolicy":
		if c.form.Has("PermissionsBoundary") {
			return c.notEnforced()
		}
		text := c.form.Get("AssumeRolePolicyDocument")
		if c.operation == "UpdateAssumeRolePolicy" {
			text = c.form.Get("PolicyDocument")
		}
		trust, err := policy.Parse(policy.Trust, text)
		if err != nil {
			return malformed(err)
		}
		for _, s := range trust.Statements {
			for _, a := range s.Actions {
				if !strings.EqualFold(a, "sts:AssumeRole") {
					return malformed(failure{message: "the trust policy has the action " + a + ", known is sts:AssumeRole"})
				}
			}
		}
		c.change = func(d *deployed, _ []byte) {
			if c.operation == "CreateRole" {
				d.roles[created] = newRole(trust)
				return
			}
			if r, ok := d.roles[d.roleARN(name)]; ok {
				r.trust = trust
				d.roles[d.roleARN(name)] = r
			}
		}
	case "DeleteRole":
		c.change = func(d *deployed, _ []byte) { delete(d.roles, d.roleARN(name)) }
	case "PutRolePolicy":
		p, err := policy.Parse(policy.Identity, c.form.Get("PolicyDocument"))
		if err != nil {
			return malformed(err)
		}
		inline := c.form.Get("PolicyName")
		c.change = func(d *deployed, _ []byte) {
			if r, ok := d.roles[d.roleARN(name)]; ok {
				r.inline[inline] = p
			}
		}
	case "DeleteRolePolicy":
		inline := c.form.Get("PolicyName")
		c.change = func(d *deployed, _ []byte) {
			if r, ok := d.roles[d.roleARN(name)]; ok {
				delete(r.inline, inline)
			}
		}
	default:
		return c.notEnforced()
	}
	return nil
}
