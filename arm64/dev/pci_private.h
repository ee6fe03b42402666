/* Between pci.c, pci_config.c and pci_msix.c. All under the leaf lock. */
#ifndef ARM64_DEV_PCI_PRIVATE_H
#define ARM64_DEV_PCI_PRIVATE_H

#include "arm64/dev/pci.h"

#define PCI_STATUS_INTX 0x0008u

/* pci_config.c: one register or a part of it, offset + len in one double word, aligned. */
uint32_t pci_config_read(struct pci_function *f, unsigned offset, unsigned len);
void pci_config_write(struct pci_function *f, unsigned offset, unsigned len, uint32_t value);
/* Back to power-on values, nothing decoded. */
void pci_config_reset(struct pci_function *f);
/* The state was loaded, or is as it was: cut it to what can be written, tell everyone. */
void pci_config_resume(struct pci_function *f);

/* pci_msix.c: true if the offset is in the table or the pending bits, and then it was served. */
bool pci_msix_read(struct pci_function *f, unsigned bar, uint64_t offset, unsigned len,
		   uint32_t *value);
bool pci_msix_write(struct pci_function *f, unsigned bar, uint64_t offset, unsigned len,
		    uint32_t value);
/* The writable bits of Message Control were written. */
void pci_msix_control(struct pci_function *f, uint16_t value);
/* What makes vectors live may have changed: tell the machine of those that differ. */
void pci_msix_update(struct pci_function *f);
void pci_msix_reset(struct pci_function *f);
/* Take what eventfds hold into the pending bits, which are saved. */
void pci_msix_quiesce(struct pci_function *f);
/* The state was loaded, or is as it was: tell the machine of every live vector again. */
void pci_msix_resume(struct pci_function *f);

/* pci.c: the function may drive its line (INTx not disabled, MSI-X off), or may not. */
void pci_intx_gate(struct pci_function *f);
/* True if [at, at + size) is in one of the windows. */
bool pci_host_decodes(const struct pci_host *host, uint64_t at, uint64_t size);

#endif
