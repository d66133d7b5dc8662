static void
waits(void **state)
{
	usleep(1000);
}
