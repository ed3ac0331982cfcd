// Package terraform_test tests the modules with Terraform itself.
//
// aws-lambda is held to the real hashicorp/aws provider: its schema and its checks
// of values, with its requests mocked, and with LIVE=1 against moto. gcp-cloud-function
// is held to the names and types of hashicorp/google by testprovider, which has
// nothing else of it. README.md says what that does not prove.
//
// Terraform takes part with LIVE set. It is looked for on the PATH, the AWS provider
// in a mirror on this machine and else in the registry. Where there is none
// TERRAFORM=none says so, loudly; the tests that need neither run all the same.
package terraform_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/packetboat/packetboat/deploy/local/peers"
)

// modules are the folders that Terraform can be run in, with their examples.
var modules = map[string][]string{
	"aws-lambda":         {"examples/eks-s3", "examples/fleet"},
	"gcp-cloud-function": {"examples/gke-gcs"},
}

// workspace is a copy of this folder, so that nothing is left in the tree.
type workspace struct {
	dir string
	rc  string // Terraform's configuration: where providers come from

	variables []string // TF_VAR_name=value, for the modules that have them
}

// A provider is large: it is built, and the modules are initialised, once for all tests.
var shared = sync.OnceValues(func() (workspace, error) {
	dir := workspaceDir()
	w := workspace{dir: dir, rc: filepath.Join(dir, "terraformrc")}
	if err := os.CopyFS(filepath.Join(dir, "terraform"), os.DirFS(".")); err != nil {
		return w, err
	}
	build := exec.Command("go", "build", "-o", filepath.Join(dir, "google", "terraform-provider-google"), ".")
	build.Dir, build.Env = "testprovider", append(os.Environ(), "GOFLAGS=", "GOWORK=off", "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return w, fmt.Errorf("build testprovider: %w: %s", err, out)
	}
	aws := "direct { exclude = [\"hashicorp/google\"] }"
	if mirror := mirror(); mirror != "" {
		aws = fmt.Sprintf("filesystem_mirror { path = %q }", mirror)
	}
	rc := fmt.Sprintf("disable_checkpoint = true\nprovider_installation {\n dev_overrides { \"hashicorp/google\" = %q }\n %s\n}\n", filepath.Join(dir, "google"), aws)
	return w, os.WriteFile(w.rc, []byte(rc), 0o600)
})

func TestMain(m *testing.M) {
	code := m.Run()
	_ = os.RemoveAll(workspaceDir())
	os.Exit(code)
}

// workspaceDir is this process's own, whether it is made or not.
func workspaceDir() string {
	return filepath.Join(os.TempDir(), fmt.Sprintf("packetboat-terraform-%d", os.Getpid()))
}

// mirror is a folder with the AWS provider, "" if the registry must have it.
func mirror() string {
	home, _ := os.UserHomeDir()
	for _, pattern := range []string{os.Getenv("TERRAFORM_MIRROR"), filepath.Join(home, ".terraform.d/plugins"), "/usr/local/share/terraform/plugins", "/opt/*"} {
		found, _ := filepath.Glob(filepath.Join(pattern, "registry.terraform.io/hashicorp/aws"))
		if pattern != "" && len(found) > 0 {
			return filepath.Dir(filepath.Dir(filepath.Dir(found[0])))
		}
	}
	return ""
}

// terraform gives the workspace, or ends the test if there is no Terraform.
func terraform(t *testing.T) workspace {
	t.Helper()
	tool(t, "terraform", "TERRAFORM", "1.7 or later; it is in no registry of packages, see https://developer.hashicorp.com/terraform/install")
	w, err := shared()
	require.NoError(t, err)
	return w
}

// tool is one that not every machine has. It takes part with LIVE set, unless the
// variable says none.
func tool(t *testing.T, name, variable, from string) string {
	t.Helper()
	if os.Getenv("LIVE") == "" {
		t.Skipf("%s does not take part: LIVE is not set", name)
	}
	if os.Getenv(variable) == "none" {
		t.Skipf("%s=none: what %s looks at is NOT tested", variable, name)
	}
	path, err := exec.LookPath(name)
	require.NoError(t, err, "%s is needed: %s. %s=none leaves what it looks at untested", name, from, variable)
	return path
}

// run runs terraform in a folder of the copy and returns its standard output.
func (w workspace) run(t *testing.T, folder, input string, args ...string) string {
	t.Helper()
	out, err := w.try(t, folder, input, args...)
	require.NoError(t, err, "terraform %s in %s", strings.Join(args, " "), folder)
	return out
}

func (w workspace) try(t *testing.T, folder, input string, args ...string) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), "terraform", args...) // to destroy is a Cleanup
	cmd.Dir, cmd.Stdin = filepath.Join(w.dir, "terraform", folder), strings.NewReader(input)
	cmd.Env = append(os.Environ(), "TF_CLI_CONFIG_FILE="+w.rc, "TF_IN_AUTOMATION=1", "TF_INPUT=0", "NO_COLOR=1", "TF_CLI_ARGS=-no-color")
	cmd.Env = append(cmd.Env, w.variables...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return stdout.String(), fmt.Errorf("%w: %s%s", err, stdout.String(), stderr.String())
	}
	return stdout.String(), nil
}

// initialised also initialises folder. What uses only the overridden provider needs none.
func (w workspace) initialised(t *testing.T, folder string) workspace {
	t.Helper()
	if _, err := os.Stat(filepath.Join(w.dir, "terraform", folder, ".terraform")); err == nil {
		return w
	}
	if strings.HasPrefix(folder, "gcp-cloud-function") {
		// It finds the module of an example, and then complains of a provider that no registry has to have.
		_, _ = w.try(t, folder, "", "get")
		return w
	}
	w.run(t, folder, "", "init", "-backend=false")
	return w
}

func TestTheModulesAreFormatted(t *testing.T) {
	assert.Empty(t, terraform(t).run(t, ".", "", "fmt", "-check", "-recursive", "-diff"))
}

func TestTheExamplesAreValid(t *testing.T) {
	for module, examples := range modules {
		for _, example := range examples { // and the module with it
			folder := filepath.Join(module, example)
			t.Run(folder, func(t *testing.T) {
				terraform(t).initialised(t, folder).run(t, folder, "", "validate")
			})
		}
	}
}

func TestTheModules(t *testing.T) {
	for module := range modules {
		t.Run(module, func(t *testing.T) {
			out := terraform(t).initialised(t, module).run(t, module, "", "test")
			require.Contains(t, out, "0 failed")
			t.Log(out[strings.LastIndex(out, "Success!"):])
		})
	}
}

// The schemas must be able to say no, else "valid" means nothing.
func TestTheProviderForTestsRefusesWhatGoogleDoesNotHave(t *testing.T) {
	w := terraform(t)
	for name, text := range map[string]string{
		"Unsupported argument":      `resource "google_service_account" "x" { account = "a" }`,
		"Missing required argument": `resource "google_service_account" "x" {}`,
		"Unsupported block type":    "resource \"google_service_account\" \"x\" {\n account_id = \"a\"\n condition {}\n}",
		"Incorrect attribute value": `resource "google_service_account" "x" { account_id = ["a"] }`,
		"Read-only attribute":       "resource \"google_service_account\" \"x\" {\n account_id = \"a\"\n email = \"read only\"\n}",
		"Too many":                  "resource \"google_cloud_scheduler_job\" \"x\" {\n name = \"a\"\n retry_config {}\n retry_config {}\n}",
	} {
		t.Run(name, func(t *testing.T) {
			folder := filepath.Join("wrong", strings.ReplaceAll(name, " ", ""))
			path := filepath.Join(w.dir, "terraform", folder)
			require.NoError(t, os.MkdirAll(path, 0o755))
			require.NoError(t, os.WriteFile(filepath.Join(path, "main.tf"), []byte(text), 0o600))
			_, err := w.try(t, folder, "", "validate")
			assert.ErrorContains(t, err, name)
		})
	}
}

// TestApplyToMoto creates everything that moto knows, finds nothing left to change,
// and destroys it again.
func TestApplyToMoto(t *testing.T) {
	aws, live := peers.StartMoto(t)
	if !live {
		return
	}
	w := terraform(t)
	root := filepath.Join(w.dir, "terraform", "moto")
	require.NoError(t, os.CopyFS(filepath.Join(root, "module"), os.DirFS("aws-lambda")))
	require.NoError(t, os.WriteFile(filepath.Join(root, "module", "override.tf"), []byte(withoutWhatMotoLacks), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(root, "packetboat.zip"), emptyZip, 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(root, "main.tf"), fmt.Appendf(nil, applied, aws.AccessKey, aws.SecretKey, strings.ReplaceAll(endpoints, "URL", aws.URL)), 0o600))
	w.run(t, "moto", "", "init")
	w.run(t, "moto", "", "apply", "-auto-approve")
	t.Cleanup(func() { w.run(t, "moto", "", "destroy", "-auto-approve") })

	plan, err := w.try(t, "moto", "", "plan", "-detailed-exitcode")
	_, changes, _ := strings.Cut(plan, "Terraform will perform")
	assert.Empty(t, changes, "a second plan finds nothing to change")
	assert.NoError(t, err)
	said := aws.Boto(t, `
import boto3, json
print(boto3.client("scheduler").get_schedule(GroupName="packetboat", Name="packetboat")["ScheduleExpression"])
c = boto3.client("lambda").get_function_event_invoke_config(FunctionName="packetboat")
print(c["MaximumRetryAttempts"], c["MaximumEventAgeInSeconds"], c["DestinationConfig"]["OnFailure"]["Destination"].split(":")[-1])
print(boto3.client("lambda").get_function_concurrency(FunctionName="packetboat")["ReservedConcurrentExecutions"])
print(len(boto3.client("cloudwatch").describe_alarms()["MetricAlarms"]))
print(boto3.client("s3").get_bucket_versioning(Bucket="packetboat-123456789012-us-east-1")["Status"])
p = boto3.client("iam").get_role_policy(RoleName="packetboat-function", PolicyName="packetboat")["PolicyDocument"]
print([s["Resource"] for s in p["Statement"] if s["Sid"] == "Kinesis"])
`)
	assert.Equal(t, []string{"rate(4 minutes)", "0 300 packetboat-failed", "1", "8", "Enabled", "[['arn:aws:kinesis:us-east-1:123456789012:stream/events']]"}, said)
}

// moto has no access entries of EKS. It does not answer with all that it was told of a
// bucket's lifecycle, for which the provider waits in vain, and forgets a function's log.
const withoutWhatMotoLacks = `
resource "aws_s3_bucket_lifecycle_configuration" "this" {
  count = 0
}

resource "aws_lambda_function" "this" {
  lifecycle {
    ignore_changes = [logging_config]
  }
}
`

const applied = `
provider "aws" {
  region                      = "us-east-1"
  access_key                  = %q
  secret_key                  = %q
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  s3_use_path_style           = true
  endpoints {
%s
  }
}

module "packetboat" {
  source               = "./module"
  package              = { filename = "packetboat.zip" }
  config               = "receivers: [{name: stream, kinesis: {streamName: events}}]"
  bucket_force_destroy = true
}
`

const endpoints = `
    cloudwatch     = "URL"
    cloudwatchlogs = "URL"
    iam            = "URL"
    lambda         = "URL"
    s3             = "URL"
    scheduler      = "URL"
    sqs            = "URL"
    sts            = "URL"
`

// emptyZip has no entry; moto does not run it.
var emptyZip = append([]byte("PK\x05\x06"), make([]byte, 18)...)
