/*
 * ibp.h
 *		How the ball of method ibp grows, for tests.
 */
#ifndef ADV_IBP_H
#define ADV_IBP_H

/*
 * The eps of a training of which a share progress (0 .. 1) is done: 0 up to warmup, eps from warmup + ramp on; between, the fourth power for a quarter of the ramp, then a
 * line of the slope it has there.
 */
extern double adv_ibp_eps(double eps, double warmup, double ramp, double progress);

#endif
