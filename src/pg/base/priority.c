/*
 * priority.c
 *		A lower priority for a process that only computes.
 *
 * On Linux a nice value ranks a process among those of its session alone where sched_autogroup_enabled is on (autogroup, sched(7)): each
 * session is a group that has a nice value of its own. A process of the server is a session of its own, so both are set. Who
 * is not root may set a group's value ten times a second, all together, so it may take another try.
 */
#include "pg/base/priority.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#define GROUP_FILE "/proc/self/autogroup"

static char group_nice[12] = ""; /* to be written yet */

static void
lower_process(int by)
{
	errno = 0;
	by += getpriority(PRIO_PROCESS, 0);
	if (errno == 0)
		(void) setpriority(PRIO_PROCESS, 0, by);
}

void
advpg_priority_lower(int by)
{
	if (by <= 0)
		return;
	lower_process(by);
	if (getsid(0) == getpid())
		snprintf(group_nice, sizeof(group_nice), "%d", Min(by, 19));
	advpg_priority_retry();
}

void
advpg_priority_retry(void)
{
	int fd;

	if (group_nice[0] == '\0')
		return;
	fd = open(GROUP_FILE, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, group_nice, strlen(group_nice)) >= 0 || errno != EAGAIN)
		group_nice[0] = '\0'; /* done, or not to be had here */
	if (fd >= 0)
		(void) close(fd);
}
