package awsclient

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/packetboat/packetboat/core/awsconfig"
	"github.com/packetboat/packetboat/sinks"
	"github.com/packetboat/packetboat/sinks/httppost"
)

// throttleDelay is how long a service that throttles without saying for how
// long is left alone: AWS's rates are per second.
const throttleDelay = time.Second

// codes is what an error code says, where the HTTP status does not: AWS answers
// 400 to nearly everything. A code that is not here is judged by its status.
var codes = table()

func table() map[string]func(error) error {
	all := map[string]func(error) error{}
	add := func(mark func(error) error, codes ...string) {
		for _, code := range codes {
			all[code] = mark
		}
	}
	for code := range retry.DefaultThrottleErrorCodes {
		add(throttled, code)
	}
	add(throttled, "KMSThrottling", "KMSThrottlingException", "KmsThrottled", "Throttled", "OverLimit", "ServiceUnavailableException")
	add(transient, "InternalFailure", "InternalError", "InternalException", "InternalServerError", "ServiceUnavailable",
		"RequestTimeout", "RequestTimeoutException", "RequestExpired", "RequestTimeTooSkewed", "RequestInTheFuture", "IDPCommunicationError",
		"OpsItemLimitExceededException")
	add(sinks.Permanent, "ValidationException", "ValidationError", "SerializationException", "MalformedDetail",
		"InvalidArgument", "InvalidArgumentException", "InvalidParameter", "InvalidParameterException", "InvalidParameterValue",
		"InvalidParameterValueException", "ParameterValueInvalid", "InvalidMessageContents",
		"BatchRequestTooLong", "AWS.SimpleQueueService.BatchRequestTooLong",
		"OpsItemInvalidParameterException")
	// The credentials.
	add(sinks.Stop, "AccessDenied", "AccessDeniedException", "AuthorizationError", "UnauthorizedOperation", "NotAuthorized",
		"UnrecognizedClientException", "InvalidClientTokenId", "InvalidAccessKeyId", "ExpiredToken", "ExpiredTokenException",
		"MissingAuthenticationToken", "MissingAuthenticationTokenException", "OptInRequired", "SubscriptionRequiredException",
		"IncompleteSignature", "InvalidSignatureException", "SignatureDoesNotMatch", "InvalidSecurity", "InvalidIdentityToken",
		"NotAuthorizedForSourceException", "OpsItemAccessDeniedException")
	// The name, the address, or what stands there.
	add(sinks.Stop, "ResourceNotFoundException", "NotFound", "NotFoundException",
		"QueueDoesNotExist", "AWS.SimpleQueueService.NonExistentQueue", "InvalidAddress",
		"UnsupportedOperation", "AWS.SimpleQueueService.UnsupportedOperation",
		"InvalidAction", "UnknownOperationException", "UnknownOperation", "OperationDisabledException")
	// The key that the service encrypts with.
	for _, prefix := range []string{"KMS", "Kms"} {
		for _, fault := range []string{"AccessDenied", "Disabled", "NotFound", "InvalidState", "InvalidKeyUsage", "OptInRequired"} {
			add(sinks.Stop, prefix+fault, prefix+fault+"Exception")
		}
	}
	add(sinks.Stop, "InvalidKMSResourceException")
	return all
}

func transient(err error) error { return err }
func throttled(err error) error { return sinks.RetryAfter(err, throttleDelay) }

// verdict makes an error of the SDK one that says who is at fault.
func (c *Client[T]) verdict(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("no answer: %w", context.Cause(ctx))
	}
	var response *smithyhttp.ResponseError
	answered := errors.As(err, &response) && response.Response != nil && response.Response.StatusCode != 0
	var api smithy.APIError
	switch {
	case answered && errors.As(err, &api):
		return c.judge(api, response.Response)
	case answered && response.HTTPStatusCode()/100 != 2:
		status := response.HTTPStatusCode()
		text := fmt.Sprintf("answered %d %s, which is none of AWS's", status, http.StatusText(status))
		return httppost.Judge(errors.New(text), status, response.Response.Header, c.now())
	case answered:
		// Nobody knows what it has taken. The text may quote the answer.
		return errors.New("the answer cannot be read")
	}
	var send *smithyhttp.RequestSendError
	if errors.As(err, &send) {
		return httppost.NetworkError(ctx, send.Err)
	}
	// Nothing was sent: a parameter that the SDK finds missing, an endpoint that it cannot make.
	return sinks.Stop(fmt.Errorf("prepare the request: %w", innermost(err)))
}

func (c *Client[T]) judge(api smithy.APIError, response *smithyhttp.Response) error {
	code, message := api.ErrorCode(), c.config.AssumeRole.Redact(api.ErrorMessage())
	err := errors.New(explain(code, message, response))
	mark, known := codes[code]
	switch {
	case strings.HasPrefix(message, "Signature expired") || strings.HasPrefix(message, "Signature not yet current"):
		// By the date of this answer the SDK now knows AWS's clock.
	case known:
		err = mark(err)
	default:
		err = httppost.Judge(err, response.StatusCode, response.Header, c.now())
	}
	millis, bad := strconv.Atoi(response.Header.Get("X-Amz-Retry-After"))
	if bad != nil || millis <= 0 || sinks.IsStop(err) || sinks.IsPermanent(err) {
		return err
	}
	return sinks.RetryAfter(err, time.Duration(millis)*time.Millisecond)
}

// credentialsError is never the record's fault.
func (c *Client[T]) credentialsError(ctx context.Context, err error) error {
	const where = awsconfig.GetCredentials
	var response *smithyhttp.ResponseError
	var api smithy.APIError
	switch {
	case ctx.Err() != nil:
		err = context.Cause(ctx)
	case errors.As(err, &response) && errors.As(err, &api) && response.Response != nil:
		err = c.judge(api, response.Response)
		if sinks.IsPermanent(err) {
			return sinks.Stop(fmt.Errorf("%s: %w", where, err))
		}
	default:
		err = innermost(err) // what is around it names addresses
	}
	return fmt.Errorf("%s: %w", where, err)
}

func innermost(err error) error {
	for {
		next := errors.Unwrap(err)
		if next == nil {
			return err
		}
		err = next
	}
}

// EntryError is what an answer to a batch says of one record, with the verdict
// on that record. A code that nobody has heard of is transient, unless the
// service says that it is the sender's fault: it would hold up all after it.
func EntryError(metadata middleware.Metadata, code, message string, senderFault bool) error {
	response, _ := awsmiddleware.GetRawResponse(metadata).(*smithyhttp.Response)
	err := errors.New(explain(code, message, response))
	mark, known := codes[code]
	switch {
	case known:
		return mark(err)
	case senderFault:
		return sinks.Permanent(err)
	}
	return err
}

// explain is the code with the first line of the message: the lines after it
// are the request, headers included, that AWS would have signed.
func explain(code, message string, response *smithyhttp.Response) string {
	message, _, _ = strings.Cut(withoutValue(message), "\n")
	request := &http.Request{URL: &url.URL{}, Header: http.Header{}}
	if response != nil && response.Response != nil && response.Request != nil {
		request = response.Request
	}
	// "AWS4-HMAC-SHA256 Credential=ID/DATE/REGION/SERVICE/aws4_request, SignedHeaders=..., Signature=..."
	_, id, _ := strings.Cut(request.Header.Get("Authorization"), "Credential=")
	if id, _, _ = strings.Cut(id, "/"); id != "" {
		message = strings.ReplaceAll(message, id, "<secret>")
	}
	if message = httppost.Excerpt(request, message); message == "" {
		return code
	}
	return code + ": " + message
}

// withoutValue is a message without the value that it finds fault with, which
// may be the event: "1 validation error detected: Value '...' at 'entries' failed
// to satisfy constraint". Of what is sensitive AWS itself leaves the value out.
func withoutValue(message string) string {
	const begin, end = "Value '", "' at '"
	from := strings.Index(message, begin)
	if from < 0 {
		return message
	}
	rest := "" // cut off within the value
	if to := strings.LastIndex(message, end); to > from {
		rest = message[to+1:]
	}
	return message[:from] + "Value" + rest
}
