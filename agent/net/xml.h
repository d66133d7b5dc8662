/*
 * Just enough XML for the replies of S3 and STS: the text of the first element of a name. No entities beyond the
 * five, no attributes, no nesting rules: what is read is only ever shown, compared, or used as a key for signing.
 */
#ifndef TRAIN_NET_XML_H
#define TRAIN_NET_XML_H

#include <stddef.h>

/*
 * Copies the text of the first <name>...</name> into 'out', blanks inside and around it removed when 'squeeze'
 * (base64 is wrapped by some servers). 1, or 0 when there is none or it does not fit; 'out' is "" then.
 */
int xml_text(const char *xml, const char *name, int squeeze, char *out, size_t size);

#endif
