/*
 * fast.h
 *		How method fast watches itself.
 */
#ifndef ADV_FAST_H
#define ADV_FAST_H

#define ADV_PROBE_ROWS                                                                                       \
	512 /* validation rows whose accuracy under 5 steps of pgd is watched, the first ones */
#define ADV_PROBE_FALL 0.2 /* a fall by more within an epoch, from the second one on, ends the training */

#endif
