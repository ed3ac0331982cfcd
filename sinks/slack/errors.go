package slack

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/slack-go/slack"

	"github.com/packetboat/packetboat/sinks"
	"github.com/packetboat/packetboat/sinks/httppost"
)

// Slack says with status 200 that it has refused a message, and why
// (https://docs.slack.dev/reference/methods/chat.postMessage#errors). What is in
// none of these lists is transient.

// denials: the token, its scopes or the workspace.
func denials() []string {
	return []string{
		"not_authed", "invalid_auth", "account_inactive", "token_revoked", "token_expired", "no_permission", "missing_scope",
		"not_allowed_token_type", "org_login_required", "ekm_access_denied", "access_denied", "accesslimited", "enterprise_is_restricted",
		"team_access_not_granted", "two_factor_setup_required", "deprecated_endpoint", "method_deprecated", "team_not_found",
	}
}

// strangers: the channel.
func strangers() []string {
	return []string{
		"channel_not_found", "not_in_channel", "is_archived", "user_not_found", "messages_tab_disabled", "is_inactive",
		"restricted_action", "restricted_action_read_only_channel", "restricted_action_thread_only_channel",
		"restricted_action_non_threadable_channel", "restricted_action_thread_locked", "channel_type_not_supported",
	}
}

// faults: the message.
func faults() []string {
	return []string{
		"msg_too_long", "no_text", "invalid_blocks", "invalid_blocks_format", "msg_blocks_too_long", "too_many_attachments",
		"attachment_payload_limit_exceeded", "invalid_attachments", "cannot_parse_attachment", "markdown_text_conflict",
		"metadata_too_large", "invalid_metadata_format", "invalid_metadata_schema", "invalid_form_data", "invalid_array_arg",
		"invalid_arguments", "blocked_by_dlp",
	}
}

// lostThreads: the message that a reply was for is gone.
func lostThreads() []string {
	return []string{"thread_not_found", "message_not_found", "invalid_thread_ts", "invalid_ts", "cannot_reply_to_message"}
}

// pause is for a refusal for being too fast that comes without Retry-After: Slack
// takes one message a second in a channel.
const pause = time.Second

func (s *sink) judge(err error, m message) error {
	var refused slack.SlackErrorResponse
	if !errors.As(err, &refused) {
		return err // judged by its status
	}
	text := "Slack answered " + refused.Err
	if more := strings.Join(refused.ResponseMetadata.Messages, "; "); more != "" {
		text += ": " + more
	}
	err = errors.New(httppost.Line(strings.ReplaceAll(text, strings.TrimSpace(s.config.Token.Reveal()), "<secret>")))
	switch code := refused.Err; {
	case slices.Contains(denials(), code):
		return sinks.Stop(err)
	case slices.Contains(strangers(), code):
		err = fmt.Errorf("channel %q: %w", httppost.Line(m.Channel), err)
		if strings.Contains(s.config.Channel.Text, "{{") {
			return sinks.Permanent(err) // one object's label must not stop all others
		}
		return sinks.Stop(err)
	case slices.Contains(faults(), code):
		return sinks.Permanent(err)
	case m.Thread != "" && slices.Contains(lostThreads(), code):
		s.threads.Remove(m.conversation())
		return err // the next attempt begins a new conversation
	case code == "ratelimited" || code == "rate_limited":
		return sinks.RetryAfter(err, pause)
	}
	return err
}
