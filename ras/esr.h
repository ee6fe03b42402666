/*
 * Syndromes: what an SError or a synchronous external abort says of itself. Pure.
 *
 * Source: Arm DDI 0487, ESR_EL1 (EC 0x2f, 0x20/21, 0x24/25) with FEAT_RAS.
 */
#ifndef RAS_ESR_H
#define RAS_ESR_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define ESR_EC_IABT_LOW   0x20u
#define ESR_EC_IABT_SAME  0x21u
#define ESR_EC_DABT_LOW   0x24u
#define ESR_EC_DABT_SAME  0x25u
#define ESR_EC_SERROR     0x2fu
#define ESR_IL            (UINT64_C(1) << 25)
#define ESR_ISS_MASK      UINT64_C(0x1ffffff)
#define ESR_SERROR_IDS    (UINT64_C(1) << 24) /* the rest is implementation defined */
#define ESR_SERROR_DFSC   UINT64_C(0x11)
#define ESR_SERROR_AET(a) ((uint64_t)(a) << 10)

enum esr_aet { ESR_AET_UC = 0, ESR_AET_UEU = 1, ESR_AET_UEO = 2, ESR_AET_UER = 3, ESR_AET_CE = 6 };

/* The ISS of an SError of that severity, from "uc", "ueu", "ueo", "uer", "ce". False: no such name. */
bool esr_aet_parse(const char *name, uint64_t *iss);
const char *esr_aet_name(unsigned aet); /* bits 12:10; NULL: reserved */

/* A pending SError: as KVM has it, or as somebody wants it. */
struct ras_serror {
	bool pending;
	bool has_esr; /* false: without a syndrome, which is kept apart from any syndrome */
	uint64_t iss; /* bits 24:0 */
};

/* One SError is pending at most. Both `old` and `new` arrived: what is pending afterwards. The more severe
 * of two syndromes (UC or implementation defined or none > UEU > UER > UEO > CE), `old` if equal. */
struct ras_serror ras_serror_merge(struct ras_serror old, struct ras_serror new);

/* Text of an ESR_ELx value, a line a field. An `iss` alone (EC 0, below 1 << 25) is read as an SError's. */
void esr_print(uint64_t esr, FILE *out);

#endif
