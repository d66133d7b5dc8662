#include "net/trust.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#if defined(__x86_64__)
#include <cpuid.h>
#elif defined(__aarch64__)
#include <sys/auxv.h>
#endif

#include "base/ca_bundle.h"
#include "net/base64.h"
#include "net/context.h"

enum { PEM_LINE = 48 }; /* bytes that make a line of 64 */

/* Where distributions keep the file that all programs share: Debian and Alpine, Red Hat (old, new), SUSE, others. */
static const char *const system_files[] = {
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
};

/* Lines of 64 characters, as PEM readers want them. */
static void
add_lines(struct buf *out, const unsigned char *der, size_t len)
{
	char line[BASE64_SIZE(PEM_LINE)];

	for (size_t at = 0; at < len; at += PEM_LINE) {
		base64_encode(line, der + at, len - at < PEM_LINE ? len - at : PEM_LINE);
		(void)buf_printf(out, "%s\n", line);
	}
}

/* Bytes of the certificate at 'der', or 0: a SEQUENCE with a length of two or three bytes (X.690, 8.1.3). */
static size_t
certificate_len(const unsigned char *der, size_t left)
{
	size_t len = 0, digits;

	if (left < 5 || der[0] != 0x30 || (der[1] != 0x82 && der[1] != 0x83)) {
		return 0;
	}
	digits = der[1] & 0x0f;
	for (size_t i = 0; i < digits; i++) {
		len = len << 8 | der[2 + i];
	}
	return len <= left - 2 - digits ? len + 2 + digits : 0;
}

/* The PEM text of the inner bundle, once. */
static int
make_pem(struct trust *trust)
{
	unsigned char *der = ca_bundle_unfold();
	size_t at = 0, len;

	if (der == NULL) {
		return -1;
	}
	buf_init(&trust->pem, TRUST_PEM_MAX);
	while ((len = certificate_len(der + at, ca_bundle_der_bytes - at)) > 0) {
		(void)buf_adds(&trust->pem, "-----BEGIN CERTIFICATE-----\n");
		add_lines(&trust->pem, der + at, len);
		(void)buf_adds(&trust->pem, "-----END CERTIFICATE-----\n");
		at += len;
	}
	free(der);
	return trust->pem.full ? -1 : 0;
}

static int
choose_inner(struct trust *trust)
{
	if (trust->pem.len == 0 && make_pem(trust) < 0) {
		return -1;
	}
	trust->file = NULL;
	trust->system = 0;
	(void)snprintf(trust->name, sizeof(trust->name), "the agent's own CA bundle (%s)", ca_bundle_version);
	return 0;
}

int
trust_choose(struct trust *trust, char *const *envp, struct err *err)
{
	const char *asked = net_env(envp, "AWS_CA_BUNDLE");

	if (trust->chosen) {
		return 0;
	}
	if (asked != NULL) {
		if (access(asked, R_OK) < 0) {
			return err_set(err, ERR_SETTINGS, errno, "cannot read AWS_CA_BUNDLE '%s'", asked);
		}
		trust->file = asked;
		(void)snprintf(trust->name, sizeof(trust->name), "AWS_CA_BUNDLE '%s'", asked);
		trust->chosen = 1;
		return 0;
	}
	trust->chosen = 1;
	for (size_t i = 0; i < ARRAY_LEN(system_files); i++) {
		if (access(system_files[i], R_OK) == 0) {
			trust->file = system_files[i];
			trust->system = 1;
			(void)snprintf(trust->name, sizeof(trust->name), "the system's CA file '%s'", system_files[i]);
			return 0;
		}
	}
	return choose_inner(trust) < 0 ? err_set(err, ERR_SYSTEM, ENOMEM, "cannot unfold the CA bundle") : 0;
}

int
trust_fall_back(struct trust *trust)
{
	return trust->system && choose_inner(trust) == 0;
}

static int
cpu_has_aes(void)
{
#if defined(__x86_64__)
	unsigned a, b, c, d;

	return __get_cpuid(1, &a, &b, &c, &d) && (c & bit_AES) != 0;
#elif defined(__aarch64__)
	return (getauxval(AT_HWCAP) & 1UL << 3) != 0; /* HWCAP_AES */
#else
	return 0;
#endif
}

const char *
trust_ciphers(void)
{
	static const char aes_first[] = "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
	                                "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
	                                "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305:"
	                                "ECDHE-ECDSA-AES128-SHA256:ECDHE-RSA-AES128-SHA256:"
	                                "AES128-GCM-SHA256:AES256-GCM-SHA384";

	return cpu_has_aes() ? aes_first : NULL;
}

const char *
trust_explain(const char *library_text)
{
	/*
	 * BearSSL reports a fatal alert as 0x0100 + its number (RFC 5246, 7.2): 40 is handshake_failure, 70 protocol_version, 71
	 * insufficient_security.
	 */
	static const char *const signs[] = {"0x0128", "0x0146", "0x0147", "protocol version", "handshake failure"};

	for (size_t i = 0; i < ARRAY_LEN(signs); i++) {
		if (strstr(library_text, signs[i]) != NULL) {
			return "the server has no version or cipher in common with this agent, which speaks TLS 1.2, not 1.3";
		}
	}
	return NULL;
}

void
trust_release(struct trust *trust)
{
	buf_release(&trust->pem);
	memset(trust, 0, sizeof(*trust));
}
