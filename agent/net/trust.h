/*
 * Which certificates are believed: AWS_CA_BUNDLE, else the system's file, else the bundle inside the agent.
 *
 * Invariants: chosen once; the choice has a name for messages. The PEM text of the inner bundle is made from its DER
 * at first use. Everything that differs by TLS library stands in this file and in http.c.
 */
#ifndef TRAIN_NET_TRUST_H
#define TRAIN_NET_TRUST_H

#include <stddef.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/err.h"

enum {
	TRUST_PEM_MAX = 1 << 20, /* 144 roots make 220 kB */
	TRUST_NAME_MAX = 256,
};

/* A zeroed one has chosen nothing yet. */
struct trust {
	const char *file; /* PEM file, or NULL: 'pem' is meant */
	struct buf pem;   /* the bundle inside, once needed */
	int chosen;
	int system;                /* 1: it is the system's file, so the inner bundle may still replace it */
	char name[TRUST_NAME_MAX]; /* for messages: "AWS_CA_BUNDLE '/x.pem'", "the system's CA file '/y'" */
};

/*
 * Chooses by 'envp' (borrowed). -1 with ERR_SETTINGS when AWS_CA_BUNDLE names no readable file, ERR_SYSTEM without
 * memory.
 */
MUST_CHECK int trust_choose(struct trust *trust, char *const *envp, struct err *err);

/*
 * The system's file was unreadable for the TLS library: go on with the inner bundle. 1 when switched, 0 when there
 * is nothing else.
 */
int trust_fall_back(struct trust *trust);

/*
 * The cipher suites to ask for, best first, or NULL for the library's own order. AES-GCM leads only where the CPU
 * has AES instructions: two to three times the speed there, slower elsewhere.
 */
const char *trust_ciphers(void);

/*
 * A sentence for what the TLS library said, or NULL: a server that will never speak with the release build, as it wants TLS 1.3 or other
 * ciphers.
 */
const char *trust_explain(const char *library_text);

void trust_release(struct trust *trust);

#endif
