package awsconfig

import "github.com/packetboat/packetboat/core/secret"

// AssumeRole says which role to take on, with the credentials found first.
type AssumeRole struct {
	// RoleARN is the role to take on.
	RoleARN string `yaml:"roleARN"`
	// ExternalID is what the role's trust policy asks for, if it does.
	ExternalID secret.String `yaml:"externalID"`
	// SessionName is what CloudTrail shows; by default packetboat.
	SessionName string `yaml:"sessionName"`
}
