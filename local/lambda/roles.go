package lambda

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// credentials are those with which a function acts. Lambda names the session of its role after it.
func (s *Service) credentials(ctx context.Context, c FunctionConfig) (aws.Credentials, error) {
	if s.options.Roles == nil {
		return s.options.AWS.Credentials.Retrieve(ctx)
	}
	return s.options.Roles.Assume(c.Role, c.Name)
}

// as is the configuration with which Lambda acts for a function, in its role. The role is that of the moment.
func (s *Service) as(function string) aws.Config {
	config := s.options.AWS.Copy()
	config.Credentials = aws.CredentialsProviderFunc(func(ctx context.Context) (aws.Credentials, error) {
		f, err := s.GetFunction(ctx, function)
		if err != nil {
			return aws.Credentials{}, err
		}
		return s.credentials(ctx, f.Config)
	})
	return config
}

// mayUse refuses a mapping whose function's role lacks a right to an event source or a destination, as Lambda does when a
// mapping is created or updated.
func (s *Service) mayUse(ctx context.Context, function, resource string, actions ...string) error {
	if s.options.Roles == nil {
		return nil
	}
	f, err := s.GetFunction(ctx, function)
	if err != nil {
		return err
	}
	for _, action := range actions {
		if err := s.options.Roles.Authorize(f.Config.Role, f.Config.Name, action, resource); err != nil {
			return fmt.Errorf("the function's role lacks a right that a mapping of %s needs: %w", resource, err)
		}
	}
	return nil
}
