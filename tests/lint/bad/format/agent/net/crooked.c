int
straight(void)
{
	return 0;
}

int crooked(void) {
    return 0;
}
